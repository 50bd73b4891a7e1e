import { randomUUID } from 'node:crypto';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore } from '../src/index.js';
import { deposited, metadata } from './account.js';

// The group's queries are planned once per connection. A log begins small, and a plan made then serves it when it is large.

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  const store = new EventStore({ pool: db.appPool });
  await store.append('account-first', 'none', [deposited(1n)], metadata);
  await store.close();
  await db.ownerPool.query('ANALYZE es_event');
});
afterAll(() => db.drop());

const GROUP = 'SELECT status, version FROM es_append_group($1::text[], $2::int[], $3::json[], $4::bigint[], $4::bigint[], NULL, NULL, NULL, $5::int[], $6::uuid[], $7::text[], $8::int[], $9::json[])';

async function group(client: pg.Client, streams: readonly string[], expected: number): Promise<unknown[]> {
  const each = <T>(value: () => T): T[] => streams.map(() => value());
  const values = [streams, each(() => expected), each(() => '{}'), each(() => null), each(() => 1), each(randomUUID), each(() => 'skein.test.deposited.v1'), each(() => 1), each(() => '{}')];
  return (await client.query<{ status: string; version: number }>({ name: 'group', text: GROUP, values })).rows.map(({ status, version }) => [status, version]);
}

test('a group never reads the whole log, not even where that was the quickest when it was planned', async () => {
  const client = new pg.Client({ connectionString: db.appUrl });
  await client.connect();
  try {
    const streams = ['account-a', 'account-b', 'account-c'];
    await client.query('BEGIN');
    for (let version = 0; version < 8; version += 1) expect(await group(client, streams, version)).toEqual(streams.map(() => ['appended', version + 1]));
    expect(await group(client, ['account-first', 'account-a'], 8)).toEqual([['conflict', 1], ['appended', 9]]);
    const { rows } = await client.query(`SELECT seq_scan::int, idx_scan > 0 AS by_index FROM pg_stat_xact_user_tables WHERE relname = 'es_event'`);
    expect(rows).toEqual([{ seq_scan: 0, by_index: true }]);
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
});
