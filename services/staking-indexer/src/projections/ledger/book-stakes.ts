import { stakedBy, type CaseFact, type Fact, type LockFact, type StakeFact } from '../../domain/facts.js';
import type { Ledger } from './ledger.js';
import { CASE, LOCK, OWN, STAKE, TASK, TOTAL, totalNames } from './tables.js';

/** Where a fact stands. */
export interface At {
  readonly block: number;
  readonly timeMs: number | null;
}

/** Adds to a sum, and to its holders. */
export async function addTotal(ledger: Ledger, name: string, by: bigint, at: At, holders = 0): Promise<void> {
  if (by === 0n && holders === 0) return;
  await ledger.change(TOTAL, { name }, at.block, (row) => ({ name, units: (row?.units ?? 0n) + by, holders: (row?.holders ?? 0) + holders }));
}

export async function bookLock(ledger: Ledger, fact: LockFact, at: At): Promise<void> {
  const key = { lock_id: fact.lockId };
  if (fact.kind === 'locked') {
    const { amount: flock, gm } = fact;
    const amounts = { flock, gm_flock: gm, flock_remaining: flock, gm_flock_remaining: gm };
    const terms = { multiplier: fact.multiplier, fee_bps: fact.feeBps, unlock_at_ms: fact.unlockAtMs, made_at_ms: at.timeMs };
    ledger.put(LOCK, { ...key, wallet: fact.wallet, grantor: null, ...amounts, ...terms }, at.block);
    return addTotal(ledger, totalNames.locked, flock, at);
  }
  const row = await ledger.get(LOCK, key);
  if (row === undefined) throw new Error(`lock ${fact.lockId} was never made`);
  if (fact.kind === 'granted') return ledger.put(LOCK, { ...row, grantor: fact.grantor }, at.block);
  ledger.put(LOCK, { ...row, flock_remaining: fact.amountRemaining, gm_flock_remaining: fact.gmRemaining }, at.block);
  return addTotal(ledger, totalNames.locked, -(fact.paid + fact.fee), at);
}

/** A stake's change, in all sums. */
async function moveStake(ledger: Ledger, fact: Extract<Fact, { kind: 'staked' | 'withdrawn' | 'slashed' }>, at: At): Promise<void> {
  const { wallet, role, taskId } = fact;
  const key = { wallet, role, task_id: taskId };
  const before = await ledger.get(STAKE, key);
  const by = stakedBy(fact);
  const units = (before?.units ?? 0n) + by;
  const slashed = (before?.slashed ?? 0n) + (fact.kind === 'slashed' ? fact.fromOwner : 0n);
  ledger.put(STAKE, { ...key, units, slashed }, at.block);
  const holders = (units > 0n ? 1 : 0) - ((before?.units ?? 0n) > 0n ? 1 : 0);
  await addTotal(ledger, totalNames.staked, by, at, holders);
  await addTotal(ledger, totalNames.role(role), by, at, holders);
  await addTotal(ledger, totalNames.task(taskId, role), by, at, holders);
  if (role !== 'participant') await ledger.change(OWN, { wallet }, at.block, (row) => ({ wallet, units: (row?.units ?? 0n) + by }));
}

export async function bookStake(ledger: Ledger, fact: StakeFact, at: At): Promise<void> {
  if (fact.kind === 'staked' || fact.kind === 'withdrawn') return moveStake(ledger, fact, at);
  const key = { task_id: fact.taskId };
  if (fact.kind === 'task-opened')
    return ledger.put(TASK, { ...key, latest_end_ms: fact.latestEndMs, ended_at_ms: null, status: 'open' }, at.block);
  const row = await ledger.get(TASK, key);
  if (row === undefined) throw new Error(`task ${fact.taskId} was never opened`);
  if (fact.kind === 'task-validated') return ledger.put(TASK, { ...row, ended_at_ms: fact.endedAtMs, status: 'validated' }, at.block);
  if (fact.kind === 'task-cancelled') return ledger.put(TASK, { ...row, status: 'cancelled' }, at.block);
  // A cancellation ends with the same log as any other end.
  const status = fact.released ? 'released' : row.status === 'cancelled' ? 'cancelled' : 'finished';
  return ledger.put(TASK, { ...row, ended_at_ms: row.ended_at_ms ?? at.timeMs, status }, at.block);
}

export async function bookCase(ledger: Ledger, fact: CaseFact, at: At): Promise<void> {
  if (fact.kind === 'case-opened') {
    const { caseId, accused, taskId, role, pool = null, reporter = null, cap, own, counted, evidence } = fact;
    const ends = { status: 'open', opened_at_ms: at.timeMs, ended_at_ms: null, from_owner: 0n, from_pool: 0n, to_reporter: 0n };
    return ledger.put(CASE, { case_id: caseId, accused, task_id: taskId, role, pool, reporter, cap, own, counted, evidence, ...ends }, at.block);
  }
  const row = await ledger.get(CASE, { case_id: fact.caseId });
  if (row === undefined) throw new Error(`case ${fact.caseId} was never opened`);
  if (fact.kind === 'case-dismissed') return ledger.put(CASE, { ...row, status: 'dismissed', ended_at_ms: at.timeMs }, at.block);
  const taken = { from_owner: fact.fromOwner, from_pool: fact.fromPool, to_reporter: fact.toReporter };
  ledger.put(CASE, { ...row, status: 'slashed', ended_at_ms: at.timeMs, ...taken }, at.block);
  return moveStake(ledger, fact, at);
}
