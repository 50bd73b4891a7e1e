import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import type { BlockRef } from '../facts.js';
import type { Cause } from '../position/position.events.js';
import { activate, emptyPool, fund, slash, type PoolSums } from './pool-book.js';
import type { PoolChange, PoolChanged } from './pool.events.js';
import { wait, without, type Waiting } from './waiting.js';

/** A pool's sums by final facts. */
export interface PoolState {
  /** Empty while nobody has opened it. */
  readonly owner: string;
  readonly sums: PoolSums;
  readonly waiting: readonly Waiting[];
  readonly closed: boolean;
}

/** Takes a final fact into its pool. Facts of one pool come in the order of the chain, each once. */
export interface ApplyPoolFact {
  readonly fact: PoolChange;
  readonly cause: Cause;
  readonly asOf: BlockRef;
}

const asked = (state: PoolState, epoch: number, sharesIn: bigint, sharesOut: bigint): PoolState => ({
  ...state,
  waiting: wait(state.waiting, { epoch, sharesIn, sharesOut }),
});

/** The pool after a fact by our own arithmetic; what the contract states is compared with it. */
function after(state: PoolState, fact: PoolChange): PoolState {
  const { sums } = state;
  switch (fact.kind) {
    case 'pool-created':
      return { ...state, owner: fact.owner };
    case 'delegated':
      return { ...asked(state, fact.epoch, fact.shares, 0n), sums: { ...sums, total: sums.total + fact.amount } };
    case 'exit-asked':
      return asked(state, fact.epoch, 0n, fact.shares);
    case 'exit-paid':
      return { ...state, sums: { ...sums, total: sums.total - fact.amount } };
    case 'pool-activated':
      return { ...state, sums: activate(sums, fact.sharesIn, fact.sharesOut), waiting: without(state.waiting, fact.epoch) };
    case 'pool-funded':
      return { ...state, sums: fund(sums, fact.amount) };
    case 'pool-slashed':
      return { ...state, sums: slash(sums, fact.amount) };
    case 'pool-closed':
      return { ...state, closed: true };
    case 'pool-claimed':
      return state;
  }
}

function contradiction(state: PoolState, fact: PoolChange): string | undefined {
  if (fact.kind === 'pool-created') return state.owner === '' ? undefined : 'it was opened before';
  if (state.owner === '') return 'nobody has opened it';
  if (fact.kind === 'pool-activated') {
    const waits = state.waiting.find(({ epoch }) => epoch === fact.epoch);
    if (waits?.sharesIn !== fact.sharesIn || waits.sharesOut !== fact.sharesOut) return `epoch ${fact.epoch} counts other shares than were asked for`;
  }
  if (fact.kind === 'pool-funded' && fact.amount > 0n && state.sums.totalShares === 0n) return 'it was funded although nobody counts';
  if (fact.kind === 'pool-slashed' && (fact.amount > state.sums.total || state.sums.total === 0n)) return `${fact.amount} were taken of ${state.sums.total}`;
  const { sums } = after(state, fact);
  const stated = fact as Partial<PoolSums>;
  const names = ['rewardIndex', 'principalIndex', 'carry', 'totalShares', 'total'] as const;
  const wrong = names.find((name) => stated[name] !== undefined && stated[name] !== sums[name]);
  return wrong && `${wrong} is ${sums[wrong]} by its facts, the contract says ${stated[wrong]}`;
}

function decide({ fact, cause, asOf }: ApplyPoolFact, state: PoolState): Result<readonly PoolChanged[], Rejection> {
  const problem = contradiction(state, fact);
  if (problem !== undefined) return reject('failed-precondition', 'pool-contradicts-chain', `pool ${fact.pool}: ${problem}`);
  return ok([{ type: 'skein.staking.pool.changed.v1', data: { pool: fact.pool, asOf, cause, fact, ...after(state, fact) } }]);
}

/** One delegation pool by final facts. */
export const poolDecider: Decider<PoolState, ApplyPoolFact, PoolChanged> = {
  initialState: () => ({ owner: '', sums: emptyPool, waiting: [], closed: false }),
  decide,
  evolve: (_state, { data: { owner, sums, waiting, closed } }) => ({ owner, sums, waiting, closed }),
};
