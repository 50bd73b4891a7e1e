import type { Pool } from 'pg';
import { METADATA, moved } from '../event-store/contender.js';

const EVENTS_PER_STREAM = 100;
const CHUNK = 250_000;

/**
 * Brings a store to `total` events by bulk SQL: streams of 100 events, rows as an append writes them, each with its position.
 * The log must be empty or grown by this. As the owner: the rows are too many for the front door, and the app role has no other.
 */
export async function growTo(owner: Pool, total: number, say: (text: string) => void): Promise<void> {
  const { rows } = await owner.query<{ head: string }>('SELECT es_head() AS head');
  const from = Number(rows[0]?.head ?? 0);
  for (let at = from; at < total; at += CHUNK) {
    const count = Math.min(CHUNK, total - at);
    await owner.query(
      `WITH written AS (
         INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
         SELECT 'account-grown-' || $1::bigint || '-' || (n / ${EVENTS_PER_STREAM}), n % ${EVENTS_PER_STREAM} + 1, overlay(gen_random_uuid()::text placing '00' from 35)::uuid, $3, 1, $4::json, $5::json, 1790000000000 + n
         FROM generate_series(0, $2::bigint - 1) AS n ORDER BY n
         RETURNING seq
       )
       INSERT INTO es_position (position, seq) SELECT $1::bigint + row_number() OVER (ORDER BY seq), seq FROM written`,
      [at, count, 'skein.bench.account.moved.v1', JSON.stringify(moved('account-grown', 0).data), JSON.stringify(METADATA)],
    );
    say(`${at + count} events`);
  }
  // What autovacuum would have done long ago in a store that took years to grow.
  await owner.query('VACUUM (ANALYZE) es_event, es_position, es_unsequenced');
}
