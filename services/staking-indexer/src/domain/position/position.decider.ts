import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import type { StakeRole, WalletFact } from '../facts.js';
import type { ApplyFact } from './position.commands.js';
import type { HeldStake, LockSummary, Membership, PositionEvent } from './position.events.js';

interface HeldLock {
  readonly flock: bigint;
  readonly gmFlock: bigint;
}

/** What a wallet holds by final facts. */
export interface PositionState {
  /** By lock id; wholly redeemed locks are gone. */
  readonly locks: ReadonlyMap<bigint, HeldLock>;
  /** Sorted by task, then role. */
  readonly stakes: readonly HeldStake[];
  /** Sorted by task. */
  readonly memberships: readonly Membership[];
}

const before = (a: HeldStake, b: HeldStake): number =>
  a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : a.role < b.role ? -1 : a.role > b.role ? 1 : 0;

const stakeAt = ({ stakes }: PositionState, taskId: string, role: StakeRole): bigint =>
  stakes.find((stake) => stake.taskId === taskId && stake.role === role)?.units ?? 0n;

function withStake(state: PositionState, changed: HeldStake): PositionState {
  const others = state.stakes.filter(({ taskId, role }) => taskId !== changed.taskId || role !== changed.role);
  return { ...state, stakes: (changed.units === 0n ? others : [...others, changed]).sort(before) };
}

const memberOf = ({ memberships }: PositionState, taskId: string): bigint =>
  memberships.find((membership) => membership.taskId === taskId)?.units ?? 0n;

function withMembership(state: PositionState, changed: Membership): PositionState {
  const others = state.memberships.filter(({ taskId }) => taskId !== changed.taskId);
  const memberships = changed.units === 0n ? others : [...others, changed].sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
  return { ...state, memberships };
}

function withLock(state: PositionState, lockId: bigint, held: HeldLock): PositionState {
  const locks = new Map(state.locks);
  if (held.gmFlock === 0n) locks.delete(lockId);
  else locks.set(lockId, held);
  return { ...state, locks };
}

/** The position after a fact; the fact has been checked. */
function after(state: PositionState, fact: WalletFact): PositionState {
  switch (fact.kind) {
    case 'locked':
      return withLock(state, fact.lockId, { flock: fact.amount, gmFlock: fact.gm });
    case 'redeemed':
      return withLock(state, fact.lockId, { flock: fact.amountRemaining, gmFlock: fact.gmRemaining });
    case 'staked':
      return withStake(state, { taskId: fact.taskId, role: fact.role, units: fact.balance });
    case 'withdrawn':
      return withStake(state, { taskId: fact.taskId, role: fact.role, units: 0n });
    case 'slashed':
      return withStake(state, { taskId: fact.taskId, role: fact.role, units: fact.balance });
    case 'federation-joined':
    case 'federation-slashed':
      return withMembership(state, { taskId: fact.taskId, units: fact.stake });
    case 'federation-withdrawn':
      return withMembership(state, { taskId: fact.taskId, units: 0n });
  }
}

/** The contract states what is left after each step: if we come to something else, a fact was lost or taken twice. */
function contradiction(state: PositionState, fact: WalletFact): string | undefined {
  switch (fact.kind) {
    case 'locked':
      return state.locks.has(fact.lockId) ? `lock ${fact.lockId} was made before` : undefined;
    case 'redeemed': {
      const held = state.locks.get(fact.lockId);
      const fits = held?.gmFlock === fact.gmRemaining + fact.gm && held.flock === fact.amountRemaining + fact.paid + fact.fee;
      return fits ? undefined : `lock ${fact.lockId} does not hold what this redemption leaves`;
    }
    case 'staked': {
      const held = stakeAt(state, fact.taskId, fact.role);
      return held + fact.amount === fact.balance ? undefined : `${held} + ${fact.amount} staked is not ${fact.balance}`;
    }
    case 'withdrawn': {
      const held = stakeAt(state, fact.taskId, fact.role);
      return held === fact.amount ? undefined : `${fact.amount} was withdrawn of ${held}`;
    }
    case 'slashed': {
      const held = stakeAt(state, fact.taskId, fact.role);
      return held - fact.fromOwner === fact.balance ? undefined : `${fact.fromOwner} slashed of ${held} does not leave ${fact.balance}`;
    }
    default:
      return memberContradiction(memberOf(state, fact.taskId), fact);
  }
}

type MemberFact = Extract<WalletFact, { kind: `federation-${string}` }>;

function memberContradiction(held: bigint, fact: MemberFact): string | undefined {
  if (fact.kind === 'federation-withdrawn') return held === fact.amount ? undefined : `${fact.amount} was withdrawn of ${held}`;
  const by = fact.kind === 'federation-joined' ? fact.amount : -fact.amount;
  return held + by === fact.stake ? undefined : `${held} and ${by} in task ${fact.taskId} are not ${fact.stake}`;
}

/** Sums over the locks that are left. */
export function summaryOf({ locks }: PositionState): LockSummary {
  let [flock, gmFlock] = [0n, 0n];
  for (const held of locks.values()) {
    flock += held.flock;
    gmFlock += held.gmFlock;
  }
  return { count: locks.size, flock, gmFlock };
}

function decide({ fact, cause, asOf }: ApplyFact, state: PositionState): Result<readonly PositionEvent[], Rejection> {
  const problem = contradiction(state, fact);
  if (problem !== undefined) return reject('failed-precondition', 'position-contradicts-chain', `${fact.wallet}: ${problem}`);
  const next = after(state, fact);
  const memberships = next.memberships.length === 0 ? {} : { memberships: next.memberships };
  const data = { wallet: fact.wallet, asOf, cause, fact, locks: summaryOf(next), stakes: next.stakes, ...memberships };
  return ok([{ type: 'skein.staking.position.changed.v1', data }]);
}

/** One wallet's position by final facts. */
export const positionDecider: Decider<PositionState, ApplyFact, PositionEvent> = {
  initialState: () => ({ locks: new Map(), stakes: [], memberships: [] }),
  decide,
  evolve: (state, event) => after(state, event.data.fact),
};
