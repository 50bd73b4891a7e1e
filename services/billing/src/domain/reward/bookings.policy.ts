import { reject, ok, type Rejection, type Result, sum } from '@skein/kernel';
import type { AccountSpec } from '../ledger/account.js';
import type { BookDecision, LedgerIdentity } from '../ledger/ledger.commands.js';
import type { TransferRequest } from '../ledger/transfer.js';

/** A booking but for its time, and what the log says of its source. */
export type Booking = Omit<BookDecision, 'nowMs' | 'past'>;

/** Accounts of rewards. Payees' accounts follow as `payable.<role>/<wallet>` and `vesting.<role>/<wallet>`. */
export const REWARD_ACCOUNTS = {
  /** What the emission minted for the task. */
  minted: 'emission.minted',
  /** Reward B of a task, until the final ranking divides it. */
  locked: 'reward.locked',
  /** What a period could not hand out. */
  carried: 'reward.carried',
  /** What an operator granted to a federated task. */
  granted: 'treasury.granted',
  /** Stake that slashes took. */
  slashed: 'stake.slashed',
  /** Pool of a federated task. */
  pool: 'reward.pool',
} as const;

/** One movement of a booking; movements of nothing are left out. */
interface Movement {
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly code: string;
}

function booking(ledger: LedgerIdentity, source: string, what: string, amount: bigint, movements: readonly Movement[]): Booking {
  const moved = movements.filter((movement) => movement.amount > 0n);
  const accounts = [...new Set(moved.flatMap(({ debit, credit }) => [debit, credit]))].map((id): AccountSpec => ({ id, guard: 'none' }));
  const transfers = moved.map((movement, index): TransferRequest => ({ ...movement, id: `${source}/${index}`, kind: 'posted', source: ledger.subject }));
  return { type: 'book-decision', ledger, source, what, amount, accounts, transfers };
}

const payable = (role: string, wallet: string): string => `payable.${role}/${wallet}`;
const vesting = (role: string, wallet: string): string => `vesting.${role}/${wallet}`;

/** What an epoch of an arena task minted and where it went, in base units. */
export interface EpochReward {
  readonly epoch: number;
  readonly minted: bigint;
  readonly carriedIn: bigint;
  readonly locked: bigint;
  readonly carriedOut: bigint;
  readonly rewards: readonly { readonly wallet: string; readonly role: string; readonly paid: bigint; readonly poolPaid: bigint }[];
}

/** Minted + carried in = Σ paid + Σ paid to pools + locked + carried out, or nothing is booked. */
export function epochBooking(ledger: LedgerIdentity, source: string, epoch: EpochReward): Result<Booking, Rejection> {
  const incoming = epoch.minted + epoch.carriedIn;
  const outgoing = sum(epoch.rewards.flatMap(({ paid, poolPaid }) => [paid, poolPaid])) + epoch.locked + epoch.carriedOut;
  if (incoming !== outgoing) return reject('failed-precondition', 'epoch-balanced', `epoch ${epoch.epoch} brings in ${incoming} and hands out ${outgoing}`);
  const clearing = 'reward.clearing';
  return ok(
    booking(ledger, source, 'epoch', epoch.minted, [
      { debit: REWARD_ACCOUNTS.minted, credit: clearing, amount: epoch.minted, code: 'emission' },
      { debit: REWARD_ACCOUNTS.carried, credit: clearing, amount: epoch.carriedIn, code: 'carried-in' },
      ...epoch.rewards.flatMap(({ wallet, role, paid, poolPaid }) => [
        { debit: clearing, credit: payable(role, wallet), amount: paid, code: 'reward-a' },
        { debit: clearing, credit: payable('pool', wallet), amount: poolPaid, code: 'reward-a' },
      ]),
      { debit: clearing, credit: REWARD_ACCOUNTS.locked, amount: epoch.locked, code: 'reward-b' },
      { debit: clearing, credit: REWARD_ACCOUNTS.carried, amount: epoch.carriedOut, code: 'carried-out' },
    ]),
  );
}

/** The locked pool of a task, divided by its final ranking. */
export interface LockedDivision {
  readonly locked: bigint;
  readonly carried: bigint;
  readonly rewards: readonly { readonly wallet: string; readonly amount: bigint; readonly poolAmount: bigint }[];
}

/** Locked = Σ vesting + Σ vesting of pools + carried, or nothing is booked. */
export function divisionBooking(ledger: LedgerIdentity, source: string, division: LockedDivision): Result<Booking, Rejection> {
  const outgoing = sum(division.rewards.flatMap(({ amount, poolAmount }) => [amount, poolAmount])) + division.carried;
  if (outgoing !== division.locked) return reject('failed-precondition', 'division-balanced', `${division.locked} were locked, ${outgoing} are divided`);
  return ok(
    booking(ledger, source, 'division', division.locked, [
      ...division.rewards.flatMap(({ wallet, amount, poolAmount }) => [
        { debit: REWARD_ACCOUNTS.locked, credit: vesting('node', wallet), amount, code: 'reward-b' },
        { debit: REWARD_ACCOUNTS.locked, credit: vesting('pool', wallet), amount: poolAmount, code: 'reward-b' },
      ]),
      { debit: REWARD_ACCOUNTS.locked, credit: REWARD_ACCOUNTS.carried, amount: division.carried, code: 'carried-out' },
    ]),
  );
}

/** Everything vesting of a task has vested: it becomes payable. */
export function vestedBooking(ledger: LedgerIdentity, source: string, rewards: LockedDivision['rewards']): Booking {
  const amount = sum(rewards.flatMap((reward) => [reward.amount, reward.poolAmount]));
  return booking(ledger, source, 'vested', amount, rewards.flatMap(({ wallet, amount: own, poolAmount }) => [
    { debit: vesting('node', wallet), credit: payable('node', wallet), amount: own, code: 'vested' },
    { debit: vesting('pool', wallet), credit: payable('pool', wallet), amount: poolAmount, code: 'vested' },
  ]));
}

/** A federated task's pool comes from the treasury. */
export const grantBooking = (ledger: LedgerIdentity, source: string, pool: bigint): Booking => ({
  ...booking(ledger, source, 'grant', pool, [{ debit: REWARD_ACCOUNTS.granted, credit: REWARD_ACCOUNTS.pool, amount: pool, code: 'grant' }]),
  expect: { account: REWARD_ACCOUNTS.pool, balance: pool },
});

/** The money of a federated round. */
export interface RoundMoney {
  readonly round: number;
  readonly slashes: readonly { readonly node: string; readonly amount: bigint }[];
  readonly payments: readonly { readonly node: string; readonly amount: bigint }[];
  /** Empty when nobody called for the end of the round. */
  readonly caller: string;
  readonly callerAmount: bigint;
  readonly poolLeft: bigint;
}

/** Slashes go to the pool but for the caller's part, payments come out of it, and the pool must then hold what the round says. */
export function roundBooking(ledger: LedgerIdentity, source: string, round: RoundMoney): Booking {
  const slashed = sum(round.slashes.map(({ amount }) => amount));
  return {
    ...booking(ledger, source, 'round', slashed, [
      ...round.slashes.map(({ node, amount }) => ({ debit: `${REWARD_ACCOUNTS.slashed}/${node}`, credit: REWARD_ACCOUNTS.pool, amount, code: 'slash' })),
      { debit: REWARD_ACCOUNTS.pool, credit: payable('caller', round.caller), amount: round.callerAmount, code: 'caller' },
      ...round.payments.map(({ node, amount }) => ({ debit: REWARD_ACCOUNTS.pool, credit: payable('federation', node), amount, code: 'round-reward' })),
    ]),
    expect: { account: REWARD_ACCOUNTS.pool, balance: round.poolLeft },
  };
}
