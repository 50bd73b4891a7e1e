import type { PoolFact, PoolOwnerFact } from '../../domain/facts.js';
import { claim, count, emptyPool, worth } from '../../domain/pool/pool-book.js';
import { formatWaiting, parseWaiting, wait, without } from '../../domain/pool/waiting.js';
import { addTotal, type At } from './book-stakes.js';
import type { Ledger } from './ledger.js';
import { ASK, DELEGATION, NOTICE, OWNER, POOL, POOL_EXIT, totalNames } from './tables.js';
import type { RowOf } from './table.js';

type PoolRow = RowOf<typeof POOL>;
type DelegationRow = RowOf<typeof DELEGATION>;

export async function bookPoolOwner(ledger: Ledger, fact: PoolOwnerFact, at: At): Promise<void> {
  const { owner, sigma } = fact;
  if (fact.kind === 'pool-created') {
    const { rewardIndex, principalIndex, carry, totalShares, total } = emptyPool;
    const sums = { reward_index: rewardIndex, principal_index: principalIndex, carry, total_shares: totalShares, total };
    ledger.put(POOL, { pool: fact.pool, owner, ...sums, funded: 0n, claimed: 0n, slashed: 0n, funded_epoch: null, closed_by: null, waiting: '' }, at.block);
    return ledger.put(OWNER, { owner, pool: fact.pool, sigma, changed_at_ms: at.timeMs, announced: null, rises_at_ms: null }, at.block);
  }
  const row = await ledger.get(OWNER, { owner });
  if (row === undefined) throw new Error(`${owner} never opened a pool`);
  if (fact.kind === 'sigma-rise-announced') return ledger.put(OWNER, { ...row, announced: sigma, rises_at_ms: fact.risesAtMs }, at.block);
  return ledger.put(OWNER, { ...row, sigma, changed_at_ms: at.timeMs, announced: null, rises_at_ms: null }, at.block);
}

export async function bookPool(ledger: Ledger, fact: PoolFact, at: At): Promise<void> {
  const pool = await ledger.get(POOL, { pool: fact.pool });
  if (pool === undefined) throw new Error(`pool ${fact.pool} was never opened`);
  switch (fact.kind) {
    case 'delegated':
      return bookDelegated(ledger, pool, fact, at);
    case 'exit-asked':
      return bookExitAsked(ledger, pool, fact, at);
    case 'exit-paid':
      return bookExitPaid(ledger, pool, fact, at);
    case 'pool-activated':
      return bookActivated(ledger, pool, fact, at);
    case 'pool-funded': {
      const { rewardIndex, carry, amount, epoch } = fact;
      return ledger.put(POOL, { ...pool, reward_index: rewardIndex, carry, funded: pool.funded + amount, funded_epoch: epoch }, at.block);
    }
    case 'pool-claimed': {
      ledger.put(POOL, { ...pool, claimed: pool.claimed + fact.amount }, at.block);
      const row = await delegationOf(ledger, fact.pool, fact.delegator);
      return ledger.put(DELEGATION, { ...row, ...claim(row, fact.amount), claimed: row.claimed + fact.amount }, at.block);
    }
    case 'pool-slashed':
      return bookSlashed(ledger, pool, fact, at);
    case 'pool-closed':
      return ledger.put(POOL, { ...pool, closed_by: fact.caseId }, at.block);
  }
}

type Of<K extends PoolFact['kind']> = Extract<PoolFact, { kind: K }>;

async function delegationOf(ledger: Ledger, pool: string, delegator: string): Promise<DelegationRow> {
  const row = await ledger.get(DELEGATION, { pool, delegator });
  return row ?? { pool, delegator, shares: 0n, credit: 0n, held: 0n, delegated: 0n, claimed: 0n, lost: 0n, delegated_at_ms: null };
}

async function ask(ledger: Ledger, fact: Of<'delegated' | 'exit-asked'>, sharesIn: bigint, sharesOut: bigint, at: At): Promise<void> {
  const key = { pool: fact.pool, epoch: fact.epoch, delegator: fact.delegator };
  await ledger.change(ASK, key, at.block, (row) => ({
    ...key, shares_in: (row?.shares_in ?? 0n) + sharesIn, shares_out: (row?.shares_out ?? 0n) + sharesOut, counts: false,
  }));
}

async function bookDelegated(ledger: Ledger, pool: PoolRow, fact: Of<'delegated'>, at: At): Promise<void> {
  const waiting = formatWaiting(wait(parseWaiting(pool.waiting), { epoch: fact.epoch, sharesIn: fact.shares, sharesOut: 0n }));
  ledger.put(POOL, { ...pool, total: pool.total + fact.amount, waiting }, at.block);
  const row = await delegationOf(ledger, fact.pool, fact.delegator);
  const sums = { held: row.held + fact.shares, delegated: row.delegated + fact.amount, delegated_at_ms: at.timeMs };
  ledger.put(DELEGATION, { ...row, ...sums }, at.block);
  await ask(ledger, fact, fact.shares, 0n, at);
  await addTotal(ledger, totalNames.pool(fact.pool), fact.amount, at);
}

async function bookExitAsked(ledger: Ledger, pool: PoolRow, fact: Of<'exit-asked'>, at: At): Promise<void> {
  const { exitId, delegator, amount, shares, epoch, paidFromMs } = fact;
  const waiting = formatWaiting(wait(parseWaiting(pool.waiting), { epoch, sharesIn: 0n, sharesOut: shares }));
  ledger.put(POOL, { ...pool, waiting }, at.block);
  ledger.put(POOL_EXIT, { pool: fact.pool, exit_id: exitId, delegator, asked: amount, shares, epoch, paid_from_ms: paidFromMs, paid: null }, at.block);
  await ask(ledger, fact, 0n, shares, at);
}

async function bookExitPaid(ledger: Ledger, pool: PoolRow, fact: Of<'exit-paid'>, at: At): Promise<void> {
  const exit = await ledger.get(POOL_EXIT, { pool: fact.pool, exit_id: fact.exitId });
  if (exit === undefined) throw new Error(`exit ${fact.exitId} of ${fact.pool} was never asked for`);
  ledger.put(POOL_EXIT, { ...exit, paid: fact.amount }, at.block);
  ledger.put(POOL, { ...pool, total: pool.total - fact.amount }, at.block);
  const row = await delegationOf(ledger, fact.pool, fact.delegator);
  ledger.put(DELEGATION, { ...row, held: row.held - exit.shares }, at.block);
  await addTotal(ledger, totalNames.pool(fact.pool), -fact.amount, at);
}

/** What was asked for in an epoch counts from here on, at this very reward index. */
async function bookActivated(ledger: Ledger, pool: PoolRow, fact: Of<'pool-activated'>, at: At): Promise<void> {
  ledger.put(POOL, { ...pool, total_shares: fact.totalShares, waiting: formatWaiting(without(parseWaiting(pool.waiting), fact.epoch)) }, at.block);
  const asked = await ledger.find(ASK, { pool: fact.pool, epoch: fact.epoch, counts: false });
  await ledger.load(DELEGATION, asked);
  for (const one of asked) {
    const row = await delegationOf(ledger, fact.pool, one.delegator);
    ledger.put(DELEGATION, { ...row, ...count(row, one.shares_in, one.shares_out, fact.rewardIndex) }, at.block);
    ledger.put(ASK, { ...one, counts: true }, at.block);
  }
}

/** Everybody with principal in the pool bears it, and is told. */
async function bookSlashed(ledger: Ledger, pool: PoolRow, fact: Of<'pool-slashed'>, at: At): Promise<void> {
  const after = { ...pool, principal_index: fact.principalIndex, total: fact.total, slashed: pool.slashed + fact.amount };
  ledger.put(POOL, after, at.block);
  await addTotal(ledger, totalNames.pool(fact.pool), -fact.amount, at);
  for (const row of await ledger.find(DELEGATION, { pool: fact.pool })) {
    if (row.held === 0n) continue;
    const before = worth(row.held, { principalIndex: pool.principal_index });
    const lost = before - worth(row.held, fact);
    ledger.put(DELEGATION, { ...row, lost: row.lost + lost }, at.block);
    ledger.put(NOTICE, { delegator: row.delegator, case_id: fact.caseId, pool: fact.pool, before, lost }, at.block);
  }
}
