import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import { stakedBy, type BlockRef, type ChainFact } from '../facts.js';
import { checkAdvance } from './advance.policy.js';
import type { AdvanceChain, ChainCommand, RevertChain, StartChain } from './chain.commands.js';
import type { BlocksReverted, ChainEvent, CursorMoved, FactFinalised, FactObserved } from './chain.events.js';
import {
  initialChainState,
  isStarted,
  knownBlock,
  knownFacts,
  WINDOW_BLOCKS,
  withBlock,
  withFact,
  type ChainState,
} from './chain.state.js';

/** Events of one decision at most: they must fit one append. */
export const EVENTS_MAX = 200;
/** Without facts the cursor is recorded only this often, so that an idle chain does not fill the log. */
export const CHECKPOINT_BLOCKS = 32;

type Decision = Result<readonly ChainEvent[], Rejection>;

function decideStart(command: StartChain, state: ChainState): Decision {
  const { chainId, genesis, cursor } = command;
  if (!isStarted(state)) return ok([{ type: 'skein.staking.chain.started.v1', data: { chainId, genesis, cursor } }]);
  if (state.chainId === chainId && state.genesis.hash === genesis.hash) return ok([]);
  return reject(
    'failed-precondition',
    'another-chain',
    `the log follows chain ${state.chainId} from ${state.genesis.hash}, the endpoint serves chain ${chainId} from ${genesis.hash}`,
  );
}

/** The block that is final for us: nothing beyond what has been read. */
const finalOf = ({ finalised, to }: AdvanceChain): BlockRef => (finalised.number <= to.number ? finalised : to);

function decideAdvance(command: AdvanceChain, state: ChainState): Decision {
  const checked = checkAdvance(command, state);
  if (!checked.ok) return checked;
  const { fresh } = checked.value;
  const asOf = finalOf(command);
  const isFinal = (fact: ChainFact): boolean => fact.blockNumber <= asOf.number;
  const waiting = knownFacts(state).filter((known) => !known.final);
  const final = [...waiting, ...fresh].filter(isFinal).sort(byPlace);
  const total = final.reduce((sum, { fact }) => sum + stakedBy(fact), state.stakedFinal);
  if (command.totalStaked !== undefined && command.totalStaked !== total)
    return reject(
      'failed-precondition',
      'totals-differ',
      `facts up to block ${asOf.number} make ${total} staked, the contract says ${command.totalStaked}`,
    );
  const observed = fresh.map((data): FactObserved => ({ type: 'skein.staking.fact.observed.v1', data }));
  const finalised = final.map((fact) => finalisedEvent(fact, asOf));
  const facts = [...observed, ...finalised];
  const moved: CursorMoved = { type: 'skein.staking.cursor.moved.v1', data: { cursor: command.to, finalised: asOf } };
  const read = command.to.number - state.cursor.number;
  const due = facts.length > 0 || read >= (command.behind === true ? 1 : CHECKPOINT_BLOCKS);
  // A cut leaves a valid beginning: facts are recognised when the command is given again, and the cursor comes last.
  return ok(due ? [...facts, moved].slice(0, EVENTS_MAX) : []);
}

const byPlace = (a: ChainFact, b: ChainFact): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;

const finalisedEvent = (at: ChainFact, asOf: BlockRef): FactFinalised => {
  const { blockNumber, blockHash, logIndex, txHash, ordinal, fact } = at;
  const data = { blockNumber, blockHash, logIndex, txHash, ordinal, fact, asOf };
  return { type: 'skein.staking.fact.finalised.v1', data };
};

function decideRevert({ ancestor }: RevertChain, state: ChainState): Decision {
  if (ancestor.number < state.finalised.number)
    return reject(
      'failed-precondition',
      'finality-violated',
      `the chain has left final block ${state.finalised.number}; it agrees only up to ${ancestor.number}`,
    );
  if (knownBlock(state, ancestor.number)?.hash !== ancestor.hash)
    return reject('failed-precondition', 'unknown-ancestor', `block ${ancestor.number} ${ancestor.hash} is not in the window`);
  const blocks = state.blocks
    .filter((block) => block.number > ancestor.number)
    .map(({ number, hash }) => ({ number, hash }))
    .reverse();
  if (blocks.length === 0) return ok([]);
  const event: BlocksReverted = { type: 'skein.staking.blocks.reverted.v1', data: { ancestor, blocks } };
  return ok([event]);
}

function moved(state: ChainState, { cursor, finalised }: CursorMoved['data']): ChainState {
  const blocks = withBlock(withBlock(state.blocks, finalised), cursor);
  return { ...state, cursor, finalised, blocks: blocks.filter((block) => block.number >= finalised.number - WINDOW_BLOCKS) };
}

function evolve(state: ChainState, event: ChainEvent): ChainState {
  switch (event.type) {
    case 'skein.staking.chain.started.v1': {
      const { chainId, genesis, cursor } = event.data;
      const blocks = withBlock(withBlock([], genesis), cursor);
      return { ...state, chainId, genesis, cursor, finalised: genesis, blocks };
    }
    case 'skein.staking.fact.observed.v1':
      return { ...state, blocks: withFact(state.blocks, { ...event.data, final: false }) };
    case 'skein.staking.fact.finalised.v1': {
      const { asOf: _asOf, ...fact } = event.data;
      return {
        ...state,
        blocks: withFact(state.blocks, { ...fact, final: true }),
        stakedFinal: state.stakedFinal + stakedBy(fact.fact),
      };
    }
    case 'skein.staking.blocks.reverted.v1': {
      const { ancestor } = event.data;
      return { ...state, cursor: ancestor, blocks: state.blocks.filter((block) => block.number <= ancestor.number) };
    }
    case 'skein.staking.cursor.moved.v1':
      return moved(state, event.data);
  }
}

/** Follows one chain: what was observed, what became final, what was undone. Refusals mean that the chain's answers cannot be right. */
export const chainDecider: Decider<ChainState, ChainCommand, ChainEvent> = {
  initialState: () => initialChainState,
  decide(command, state) {
    if (command.kind === 'start') return decideStart(command, state);
    if (!isStarted(state)) return reject('failed-precondition', 'not-started', 'this chain is not followed');
    return command.kind === 'advance' ? decideAdvance(command, state) : decideRevert(command, state);
  },
  evolve,
};

