import { compareProjection } from '@skein/events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stakedBy, type ChainFact, type Fact } from '../src/domain/facts.js';
import { claimable } from '../src/domain/pool/pool-book.js';
import { LEDGER_TABLES, DELEGATION, NOTICE, POOL, totalNames } from '../src/projections/ledger/tables.js';
import { stakingProjection } from '../src/projections/staking.projection.js';
import { blockOf, moved, observed, reverted } from './chain-fixtures.js';
import { goldenFacts } from './golden-facts.js';
import { everyKind, stakeHistory, task } from './histories.js';
import { placed, TestIndexer, timeOf } from './indexer.js';

const open: TestIndexer[] = [];
let indexer: TestIndexer;
const another = async (): Promise<TestIndexer> => {
  const made = await TestIndexer.open();
  open.push(made);
  return made;
};
beforeEach(async () => {
  indexer = await another();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

/** What facts up to a block make of each stake. */
function replay(facts: readonly ChainFact[], block: number): Map<string, bigint> {
  const stakes = new Map<string, bigint>();
  for (const { blockNumber, fact } of facts) {
    if (blockNumber > block || !('balance' in fact || fact.kind === 'withdrawn')) continue;
    const key = `${fact.wallet} ${fact.role} ${fact.taskId}`;
    stakes.set(key, (stakes.get(key) ?? 0n) + stakedBy(fact));
  }
  return new Map([...stakes].filter(([, units]) => units > 0n).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('stakes and sums at any block and time are what the facts until then make of them', async () => {
  const facts = stakeHistory(17, 20);
  await indexer.backfill(facts, 25);
  await indexer.catchUp(3);
  for (let block = 0; block <= 25; block += 1) {
    const expected = replay(facts, block);
    const rows = await indexer.queries.stakes({ limit: 500 }, { block });
    expect(new Map(rows.map(({ wallet: who, role, taskId, finalised }) => [`${who} ${role} ${taskId}`, finalised]))).toEqual(expected);
    const pages = [];
    for (let after; ; ) {
      const [row] = await indexer.queries.stakes({ limit: 1, ...(after === undefined ? {} : { after }) }, { block });
      if (row === undefined) break;
      pages.push(row);
      after = { wallet: row.wallet, role: row.role, taskId: row.taskId };
    }
    expect(pages).toEqual(rows);
    const sum = [...expected.values()].reduce((all, units) => all + units, 0n);
    expect(await indexer.queries.totalAfter(block)).toBe(sum);
    const totals = await indexer.queries.totals(task(1), { block });
    for (const { role, finalised, wallets } of totals) {
      const its = [...expected].filter(([key]) => key.includes(` ${role} ${task(1)}`));
      expect([finalised, wallets]).toEqual([its.reduce((all, [, units]) => all + units, 0n), its.length]);
    }
    expect(await indexer.queries.blockAt(timeOf(block))).toBe(block === 0 ? undefined : Math.min(block, facts.at(-1)!.blockNumber));
  }
  const now = await indexer.queries.stakes({ limit: 500 });
  expect(now.map(({ finalised }) => finalised)).toEqual([...replay(facts, 25).values()]);
});

test('before its tables are there the read model has no position, and then it has', async () => {
  expect(await indexer.queries.position()).toBeUndefined();
  await indexer.backfill([], 3);
  await indexer.catchUp();
  expect(await indexer.queries.position()).toBe(2n);
});

test('whoever followed live through reorgs and whoever read all at once have the same tables and the same snapshot of each block', async () => {
  const facts = [...everyKind(), ...stakeHistory(3, 12).map((one) => ({ ...one, ...placed(one.fact, one.blockNumber + 20, one.logIndex) }))];
  const last = facts.at(-1)!.blockNumber;
  const second = await another();
  await indexer.backfill(facts, last);
  await indexer.catchUp();
  const strays = facts.slice(0, 40).map((one) => placed(one.fact, one.blockNumber, one.logIndex, 'fork', `stray-${one.logIndex}`));
  await second.append(...strays.map(observed), moved(blockOf(14, 'fork'), blockOf(0)));
  await second.append(reverted(blockOf(0), ...[...new Set(strays.map(({ blockNumber }) => blockNumber))].reverse().map((number) => blockOf(number, 'fork'))));
  await second.catchUp(5);
  await second.live(facts, last);
  await second.catchUp(2);
  for (const block of [0, 1, 5, 10, 17, last]) expect(await second.snapshot(block)).toEqual(await indexer.snapshot(block, 3));
  expect((await indexer.snapshot(last)).length).toBeGreaterThan(40);
  for (const one of [indexer, second]) expect(await compareProjection(one.store, stakingProjection)).toMatchObject({ equal: true, differences: [] });
});

test('what a reorg undoes leaves no trace in final tables', async () => {
  const facts = everyKind();
  await indexer.append(...facts.map(observed), moved(blockOf(15), blockOf(0)));
  await indexer.catchUp(4);
  const count = async (name: string): Promise<number> => Number((await indexer.database.appPool.query<{ n: string }>(`SELECT count(*) AS n FROM staking.${name}`)).rows[0]!.n);
  expect(await count('pending')).toBe(facts.length);
  await indexer.append(reverted(blockOf(0), ...Array.from({ length: 15 }, (_, at) => blockOf(15 - at))));
  await indexer.catchUp();
  for (const name of ['pending', 'block_time', ...LEDGER_TABLES.flatMap(({ name: table }) => [table, `${table}_at`])]) expect([name, await count(name)]).toEqual([name, 0]);
});

test('a pool’s accounts, exits, losses and the stake it lends weight to', async () => {
  const { slashed, staked, delegated } = goldenFacts;
  const facts = everyKind();
  await indexer.backfill(facts, 20);
  await indexer.catchUp();
  const { ledger } = indexer.queries;
  const { pool } = delegated;
  const blockOfKind = (kind: Fact['kind']): number => facts.find(({ fact }) => fact.kind === kind)!.blockNumber;
  const at = blockOfKind('pool-funded');
  const [account, book] = [await ledger.row(DELEGATION, { pool }, at), await ledger.row(POOL, { pool }, at)];
  expect(claimable(account!, book!.reward_index)).toBe(blockOfKind('pool-claimed') === at ? 0n : 5n * 10n ** 18n);
  const [notice] = await ledger.rows(NOTICE, { where: { delegator: delegated.delegator }, limit: 5 });
  expect(notice).toMatchObject({ case_id: slashed.caseId, pool, before: 16n * 10n ** 18n, lost: 4n * 10n ** 18n });
  const [stake] = await indexer.queries.stakes({ wallet: staked.wallet, limit: 5 }, { block: blockOfKind('pool-activated') });
  expect(stake).toMatchObject({ finalised: staked.amount, delegated: 20n * 10n ** 18n });
  expect((await indexer.queries.sums([totalNames.pool(pool)])).get(totalNames.pool(pool))?.units).toBe(12n * 10n ** 18n);
});
