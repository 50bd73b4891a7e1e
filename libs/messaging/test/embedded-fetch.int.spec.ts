import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FETCH, LogDatabase } from '../src/embedded/log-database.js';
import { eventLogMigrations } from '../src/migrations.js';

const MESSAGES = 5_000;
const PAGE = 100;
/** Half of every message lies out of line. */
const LONG_BYTES = 8_000;

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly PlanNode[];
}

const rowsRead = (node: PlanNode): number =>
  (node['Relation Name'] === undefined ? 0 : node['Actual Rows'] * node['Actual Loops']) + (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan), 0);

let database: TestDatabase;
let log: LogDatabase;
beforeAll(async () => {
  database = await freshDatabase(eventLogMigrations);
  log = new LogDatabase(database.appPool);
  await log.createTopic({ topic: 'filled', partitions: 1, retention: 'infinite' });
  // Nobody analyses the table here: statistics come minutes after the messages, and a new group reads them at once.
  await database.ownerPool.query(
    `INSERT INTO log_messages SELECT 1, n, 'key', 'id-' || n, 'type', n, '{}', decode(repeat('ab', CASE n % 2 WHEN 0 THEN $2 ELSE 10 END), 'hex'), CASE n % 2 WHEN 0 THEN $2 ELSE 10 END
       FROM generate_series(0, $1::int - 1) AS n`,
    [MESSAGES, LONG_BYTES],
  );
});
afterAll(() => database.drop());

it.each(['without statistics', 'with statistics'])('reads no row of a partition but those of the page (%s)', async (statistics) => {
  if (statistics === 'with statistics') await database.ownerPool.query('ANALYZE log_messages');
  const { rows } = await database.appPool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${FETCH}`, [1, 2_000n, PAGE, 1e9]);
  expect(rowsRead(rows[0]!['QUERY PLAN'][0].Plan)).toBe(PAGE);
});

it('cuts a page by bytes, but never before its first message', async () => {
  const [partition] = await log.partitions();
  const offsets = async (from: bigint, bytesMax: number): Promise<bigint[]> => (await log.fetch(partition!, from, PAGE, bytesMax)).map(({ offset }) => offset);
  expect(await offsets(1n, LONG_BYTES + 20)).toEqual([1n, 2n, 3n]);
  expect(await offsets(2n, 1)).toEqual([2n]);
  expect(await offsets(BigInt(MESSAGES), 1_000)).toEqual([]);
});
