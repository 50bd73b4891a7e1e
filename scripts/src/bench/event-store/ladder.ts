import { randomUUID } from 'node:crypto';
import { eventsMigrations, migrate } from '@skein/events';
import type pg from 'pg';
import { METADATA, type Contender, type Moved } from './contender.js';
import { poolOf } from './server.js';

const COLUMNS = '(stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)';
const ROW = '$1, $2::int + 1, $3::uuid, $4, 1, $5::json, $6::json, $7::bigint';
const LOCK = 'FROM (SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked OFFSET 0) l WHERE l.locked';
const VERSION = 'coalesce((SELECT e.version FROM ladder_event e WHERE e.stream_id = $1 ORDER BY e.version DESC LIMIT 1), 0) = $2';
const QUEUED = (written: string): string => `WITH written AS (${written} RETURNING seq) INSERT INTO ladder_unsequenced (seq) SELECT seq FROM written`;

/**
 * The append of one event, step by step from the bare row (`insert` of the bench) to the store's own statement; each step has all
 * of the one before. The last one is the statement of `EventStore.append` without the comparison of clocks.
 */
export const STEPS: Readonly<Record<string, string>> = {
  returning: `INSERT INTO ladder_event ${COLUMNS} SELECT ${ROW} RETURNING seq`,
  queued: QUEUED(`INSERT INTO ladder_event ${COLUMNS} SELECT ${ROW}`),
  locked: QUEUED(`INSERT INTO ladder_event ${COLUMNS} SELECT ${ROW} ${LOCK}`),
  'at-version': QUEUED(`INSERT INTO ladder_event ${COLUMNS} SELECT ${ROW} ${LOCK} AND ${VERSION}`),
};

function contenderOf(name: string, text: string, pool: pg.Pool): Contender {
  return {
    name,
    append: async (stream: string, version: number, events: readonly Moved[]) => {
      for (const [index, event] of events.entries())
        await pool.query({ name, text, values: [stream, version + index, `${randomUUID().slice(0, -2)}00`, event.type, JSON.stringify(event.data), JSON.stringify(METADATA), event.data.movedAtMs] });
    },
    // Nobody numbers these rows, and a queue that is never emptied would be a part of the price.
    settle: async () => void (await pool.query('TRUNCATE ladder_unsequenced')),
    count: async () => Number((await pool.query<{ count: string }>('SELECT count(*) FROM ladder_event')).rows[0]?.count ?? 0),
    close: async () => undefined,
  };
}

/** Each step as a contender, over tables like the store's; they share a pool, which `close` of the whole ends. */
export async function ladder(ownerUrl: string, poolMax: number): Promise<{ readonly steps: readonly Contender[]; close(): Promise<void> }> {
  const pool = poolOf(ownerUrl, poolMax);
  await migrate(pool, [eventsMigrations]);
  await pool.query('CREATE TABLE ladder_event (LIKE es_event INCLUDING ALL); CREATE TABLE ladder_unsequenced (LIKE es_unsequenced INCLUDING ALL)');
  return { steps: Object.entries(STEPS).map(([name, text]) => contenderOf(`step-${name}`, text, pool)), close: () => pool.end() };
}
