import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations } from '../src/index.js';
import { CLAIM } from '../src/job-turns.js';
import { CLAIM_TIMERS } from '../src/timers.js';

const WAITING = 20_000;

interface Plan {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  const { ownerPool } = db;
  await ownerPool.query(`INSERT INTO es_timer (id, kind, payload, due_at_ms, available_at) SELECT 'waiting-' || n, 'k', '{}', 0, clock_timestamp() + interval '1 day' FROM generate_series(1, $1) n`, [WAITING]);
  await ownerPool.query(`INSERT INTO es_job (id, kind, payload, available_at) SELECT 'waiting-' || n, 'k', '{}', clock_timestamp() + interval '1 day' FROM generate_series(1, $1) n`, [WAITING]);
  // One is due, one belongs to a process that is gone, one to this very session.
  for (const [table, columns, values] of [['es_timer', ', due_at_ms', ', 0'], ['es_job', '', '']] as const) {
    await ownerPool.query(`INSERT INTO ${table} (id, kind, payload${columns}, available_at) VALUES ('due', 'k', '{}'${values}, clock_timestamp())`);
    await ownerPool.query(`INSERT INTO ${table} (id, kind, payload${columns}, available_at, lease_token, lease_pid, lease_pid_started) VALUES ('orphan', 'k', '{}'${values}, clock_timestamp() + interval '1 day', gen_random_uuid(), 0, 'epoch')`);
    await ownerPool.query(`INSERT INTO ${table} (id, kind, payload${columns}, available_at, lease_token) VALUES ('another', 'k', '{}'${values}, clock_timestamp() + interval '1 day', gen_random_uuid())`);
    await ownerPool.query(`ANALYZE ${table}`);
  }
});
afterAll(() => db.drop());

const rowsRead = (plan: Plan): number =>
  Math.max((plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops'], ...(plan.Plans ?? []).map(rowsRead));

test.each([
  ['timers', CLAIM_TIMERS, [['k'], 8, 15_000, null, null]],
  ['jobs', CLAIM, ['k', 8, 15_000, null, null, []]],
] as const)('a claim of %s looks at those that are free, however many wait for their time', async (_, claim, values) => {
  const client = await db.appPool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${claim}`, [...values]);
    expect(rowsRead(rows[0]!['QUERY PLAN'][0].Plan)).toBeLessThan(100);
    await client.query('ROLLBACK');
    const claimed = await client.query<{ id: string }>(claim, [...values]);
    expect(claimed.rows.map(({ id }) => id).sort()).toEqual(['due', 'orphan']);
  } finally {
    client.release();
  }
});
