import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import { stakedBy, type BlockRef, type ChainFact } from '../facts.js';
import { checkAdvance } from './advance.policy.js';
import type { AdvanceChain, ChainCommand, RevertChain, SeeContracts, StartChain } from './chain.commands.js';
import type { BlocksReverted, ChainEvent, CursorMoved, FactFinalised, FactObserved, FactsFinalised } from './chain.events.js';
import {
  initialChainState,
  isStarted,
  knownBlock,
  knownFacts,
  WINDOW_BLOCKS,
  withAnnounced,
  withBlock,
  withFact,
  withFacts,
  type ChainState,
} from './chain.state.js';

/** Events of one decision at most: they must fit one append. */
export const EVENTS_MAX = 200;
/** Facts of one event at most: it must stay below the store's 64 KiB, and a fact is below 1 KiB. */
export const FACTS_PER_EVENT = 60;
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
  const observed = fresh.filter((fact) => !isFinal(fact)).map((data): FactObserved => ({ type: 'skein.staking.fact.observed.v1', data }));
  const facts = [...observed, ...finalisedEvents(final, new Set(waiting), asOf)];
  const moved: CursorMoved = { type: 'skein.staking.cursor.moved.v1', data: { cursor: command.to, finalised: asOf } };
  const read = command.to.number - state.cursor.number;
  const due = facts.length > 0 || read >= (command.behind === true ? 1 : CHECKPOINT_BLOCKS);
  // A cut leaves a valid beginning: facts are recognised when the command is given again, and the cursor comes last.
  return ok(due ? [...facts, moved].slice(0, EVENTS_MAX) : []);
}

const byPlace = (a: ChainFact, b: ChainFact): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;

const finalisedEvent = (at: ChainFact, asOf: BlockRef): FactFinalised => {
  const { blockNumber, blockHash, blockTimeMs, logIndex, txHash, ordinal, fact } = at;
  const time = blockTimeMs === undefined ? {} : { blockTimeMs };
  const data = { blockNumber, blockHash, ...time, logIndex, txHash, ordinal, fact, asOf };
  return { type: 'skein.staking.fact.finalised.v1', data };
};

/** In the order of the chain: those that waited one by one, those that nobody has observed many at a time. */
function finalisedEvents(final: readonly ChainFact[], waited: ReadonlySet<ChainFact>, asOf: BlockRef): (FactFinalised | FactsFinalised)[] {
  const events: (FactFinalised | FactsFinalised)[] = [];
  let together: ChainFact[] = [];
  for (const fact of final) {
    if (waited.has(fact)) {
      events.push(finalisedEvent(fact, asOf));
      together = [];
      continue;
    }
    if (together.length === 0 || together.length === FACTS_PER_EVENT) {
      together = [];
      events.push({ type: 'skein.staking.facts.finalised.v1', data: { facts: together, asOf } });
    }
    together.push(fact);
  }
  return events;
}

function decideSee({ codes, deploying, asOf }: SeeContracts, state: ChainState): Decision {
  const known = state.codes ?? {};
  for (const [address, code] of Object.entries(codes)) {
    const before = known[address];
    const now = code === '' ? 'no code' : `code ${code}`;
    if (before !== undefined && before !== code)
      return reject('failed-precondition', 'contract-changed', `contract ${address} had code ${before}, at block ${asOf.number} it has ${now}`);
    if (before === undefined && code === '' && !deploying)
      return reject('failed-precondition', 'contract-missing', `contract ${address} has no code at block ${asOf.number}`);
  }
  const fresh = Object.entries(codes).filter(([address, code]) => code !== '' && known[address] === undefined);
  if (fresh.length === 0) return ok([]);
  return ok([{ type: 'skein.staking.contracts.seen.v1', data: { codes: { ...known, ...Object.fromEntries(fresh) }, asOf } }]);
}

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
    case 'skein.staking.fact.observed.v1': {
      const blocks = withFact(state.blocks, { ...event.data, final: false });
      return { ...state, blocks, announced: withAnnounced(state.announced, event.data) };
    }
    case 'skein.staking.fact.finalised.v1': {
      const { asOf: _asOf, ...fact } = event.data;
      return withFinal(state, [fact]);
    }
    case 'skein.staking.facts.finalised.v1':
      return withFinal(state, event.data.facts);
    case 'skein.staking.blocks.reverted.v1': {
      const { ancestor } = event.data;
      const [blocks, announced] = [state.blocks.filter(({ number }) => number <= ancestor.number), state.announced.filter(({ blockNumber }) => blockNumber <= ancestor.number)];
      return { ...state, cursor: ancestor, blocks, announced };
    }
    case 'skein.staking.cursor.moved.v1':
      return moved(state, event.data);
    case 'skein.staking.contracts.seen.v1':
      return { ...state, codes: event.data.codes };
    case 'skein.staking.chain.halted.v1':
      return { ...state, halted: { rule: event.data.rule, reason: event.data.reason } };
    case 'skein.staking.chain.resumed.v1': {
      const { halted: _halted, codes: _codes, ...going } = state;
      return { ...going, lateTo: going.finalised.number };
    }
  }
}

function withFinal(state: ChainState, facts: readonly ChainFact[]): ChainState {
  return {
    ...state,
    blocks: withFacts(state.blocks, facts.map((fact) => ({ ...fact, final: true }))),
    stakedFinal: facts.reduce((sum, { fact }) => sum + stakedBy(fact), state.stakedFinal),
    announced: facts.reduce(withAnnounced, state.announced),
  };
}

function decide(command: ChainCommand, state: ChainState): Decision {
  if (command.kind === 'start') return decideStart(command, state);
  if (!isStarted(state)) return reject('failed-precondition', 'not-started', 'this chain is not followed');
  const { halted } = state;
  switch (command.kind) {
    case 'halt': {
      const { rule, reason } = command;
      return ok(halted === undefined ? [{ type: 'skein.staking.chain.halted.v1', data: { rule, reason } }] : []);
    }
    case 'resume': {
      const { reason, actor } = command;
      if (halted === undefined) return reject('failed-precondition', 'not-halted', 'this chain is not halted');
      return ok([{ type: 'skein.staking.chain.resumed.v1', data: { reason, actor } }]);
    }
    default:
      if (halted !== undefined) return reject('failed-precondition', halted.rule, halted.reason);
      if (command.kind === 'advance') return decideAdvance(command, state);
      return command.kind === 'revert' ? decideRevert(command, state) : decideSee(command, state);
  }
}

/** Follows one chain: what was observed, what became final, what was undone. Refusals mean that the chain's answers cannot be right. */
export const chainDecider: Decider<ChainState, ChainCommand, ChainEvent> = {
  initialState: () => initialChainState,
  decide,
  evolve,
  snapshot: { name: 'chain', version: 2, every: 1_000, encode: (state) => state, decode: (kept) => kept as ChainState },
};
