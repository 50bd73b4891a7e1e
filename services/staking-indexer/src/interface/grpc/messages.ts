import type { MessageInitShape } from '@bufbuild/protobuf';
import type { BlockRefSchema, FederationStakeSchema, LockSchema, PoolSchema, StakeStateSchema, WaitingSharesSchema } from '@skein/contracts/staking';
import { canonicalWallet, RejectionError } from '@skein/kernel';
import type { BlockRef } from '../../domain/facts.js';
import { worth } from '../../domain/pool/pool-book.js';
import { byTime, parseWaiting, type Waiting } from '../../domain/pool/waiting.js';
import type { FEDERATION, MEMBER, POOL } from '../../projections/ledger/tables.js';
import type { RowOf } from '../../projections/ledger/table.js';
import type { LockRow, StakeRow } from '../../projections/staking.queries.js';

export const refOf = ({ number, hash }: BlockRef): MessageInitShape<typeof BlockRefSchema> => ({ number: BigInt(number), hash });

/** `as_of` of an answer, where there is one. */
export const asOfField = (ref: BlockRef | undefined): { asOf?: MessageInitShape<typeof BlockRefSchema> } => (ref === undefined ? {} : { asOf: refOf(ref) });

export const taskIdOf = (name: string): string => name.slice('tasks/'.length);

/** A wallet in the form that rows have; undefined where a request names none. */
export const walletOf = (text: string): string | undefined => (text === '' ? undefined : canonicalWallet(text));

export const timeOf = (timeMs: number | null): bigint => BigInt(timeMs ?? 0);

export const pageSizeOf = (asked: number): number => (asked === 0 ? 100 : asked);

export const unavailable = (rule: string, message: string, field?: string): RejectionError =>
  new RejectionError({ code: 'unavailable', rule, message, retriable: true, ...(field === undefined ? {} : { field }) });

export const stakeOf = ({ wallet, taskId, role, finalised, pending, slashed, delegated }: StakeRow): MessageInitShape<typeof StakeStateSchema> => ({
  wallet,
  task: `tasks/${taskId}`,
  role,
  finalisedUnits: finalised.toString(),
  pendingUnits: pending.toString(),
  delegatedUnits: delegated.toString(),
  slashedUnits: slashed.toString(),
});

export const lockOf = (lock: LockRow): MessageInitShape<typeof LockSchema> => ({
  id: lock.lock_id.toString(),
  flockUnits: lock.flock.toString(),
  gmFlockUnits: lock.gm_flock.toString(),
  flockUnitsRemaining: lock.flock_remaining.toString(),
  gmFlockUnitsRemaining: lock.gm_flock_remaining.toString(),
  multiplier: lock.multiplier,
  feeBps: lock.fee_bps,
  unlockAtMs: BigInt(lock.unlock_at_ms),
  grantor: lock.grantor ?? '',
});

export const waitingOf = ({ epoch, sharesIn, sharesOut }: Waiting): MessageInitShape<typeof WaitingSharesSchema> => ({
  epoch: BigInt(epoch),
  sharesIn: sharesIn.toString(),
  sharesOut: sharesOut.toString(),
});

/** `epoch`: the reward epoch that runs then; what counts by time alone is reckoned by it. */
export function poolOf(row: RowOf<typeof POOL>, current: boolean, epoch = 0): MessageInitShape<typeof PoolSchema> {
  const waiting = parseWaiting(row.waiting);
  const counted = row.closed_by === null ? worth(row.total_shares + byTime(waiting, epoch), { principalIndex: row.principal_index }) : 0n;
  return {
    pool: row.pool,
    owner: row.owner,
    totalUnits: row.total.toString(),
    countedUnits: counted.toString(),
    totalShares: row.total_shares.toString(),
    principalIndex: row.principal_index.toString(),
    rewardIndex: row.reward_index.toString(),
    carry: row.carry.toString(),
    fundedUnits: row.funded.toString(),
    claimedUnits: row.claimed.toString(),
    slashedUnits: row.slashed.toString(),
    fundedEpoch: BigInt(row.funded_epoch ?? -1),
    closedBy: row.closed_by ?? '',
    current,
    waiting: waiting.map(waitingOf),
  };
}

/** A member; in an open round what was added during it does not count yet. */
export function memberOf(member: RowOf<typeof MEMBER>, task: RowOf<typeof FEDERATION> | undefined): MessageInitShape<typeof FederationStakeSchema> {
  const fresh = task?.round_open === true && member.added_in === task.round ? member.added : 0n;
  return { task: `tasks/${member.task_id}`, wallet: member.wallet, units: member.stake.toString(), roundUnits: (member.stake - fresh).toString() };
}
