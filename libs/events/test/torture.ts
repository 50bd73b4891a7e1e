import type { Pool } from 'pg';
import type { EventStore } from '../src/index.js';
import { metadata } from './account.js';

export const WRITERS = 8;
export const STREAMS = 5;
/** As many times as usual: `npm run test:deep`. */
export const TORTURE_FACTOR = Number(process.env['TORTURE_FACTOR'] ?? 1);
const APPENDS_PER_WRITER = 250 * TORTURE_FACTOR;
const TYPE = 'skein.test.torture.v1';

/** What a reader has seen of the log, as far as it matters here. */
export interface Seen {
  streamId: string;
  version: number;
}

/** Of a reader's notes: how many events there are of each stream out of their order. */
export function outOfOrder(seen: readonly Seen[]): number {
  const versions = new Map<string, number>();
  return seen.filter(({ streamId, version }) => {
    const before = versions.get(streamId) ?? 0;
    versions.set(streamId, Math.max(before, version));
    return version !== before + 1;
  }).length;
}

async function hostile(pool: Pool, writer: number, n: number, streamId: string, count: number): Promise<boolean> {
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2)', [`writer-${writer}`, String(n)]);
  if (n % 5 === writer % 5) await client.query('SELECT pg_sleep(0.002)');
  await client.query(
    `SELECT * FROM es_append($1, -1, ARRAY(SELECT gen_random_uuid() FROM generate_series(1, $2)), array_fill($4::text, ARRAY[$2]),
       array_fill(1, ARRAY[$2]), array_fill('{}'::text, ARRAY[$2]), $3, NULL, NULL, NULL, NULL)`,
    [streamId, count, JSON.stringify(metadata), TYPE],
  );
  if (n % 4 === 0) await client.query('SELECT pg_sleep(0.001)');
  // Every seventh transaction is given up: its insertion numbers stay unused.
  const kept = n % 7 !== 3;
  await client.query(kept ? 'COMMIT' : 'ROLLBACK');
  client.release();
  return kept;
}

/**
 * A writer of the hostile kind: two of three transactions write an inbox row first and dawdle before they commit; the third is
 * the store's own append, which shares commits with others. Returns how many events it has written.
 */
export async function write(writer: number, store: EventStore): Promise<number> {
  let written = 0;
  for (let n = 0; n < APPENDS_PER_WRITER; n += 1) {
    const streamId = `torture-${(writer * 7 + n * 3) % STREAMS}`;
    const count = 1 + (n % 3);
    if (n % 3 === 2) await store.append(streamId, 'any', Array.from({ length: count }, () => ({ type: TYPE, data: {} })), metadata);
    else if (!(await hostile(store.pool, writer, n, streamId, count))) continue;
    written += count;
    store.sequencer.wake();
  }
  return written;
}

/** Reads as a subscription does, from the last position it saw, until everything is written and read. */
export async function follow(store: EventStore, done: () => boolean | Promise<boolean>): Promise<(Seen & { position: bigint })[]> {
  const seen: (Seen & { position: bigint })[] = [];
  for (;;) {
    const last = await done();
    if (last) await store.headPosition();
    const events = await store.readAll(seen.at(-1)?.position ?? 0n, 64);
    seen.push(...events.map(({ streamId, version, position }) => ({ streamId, version, position })));
    if (last && events.length === 0) return seen;
  }
}

/** A cursor over one column or two, as stores have it that do without a sequencer. */
export async function followNaively(pool: Pool, order: 'insertion' | 'transaction', done: (seen: number) => boolean): Promise<Seen[]> {
  const sql = {
    // What commits late is behind the cursor already.
    insertion: `SELECT stream_id, version, seq AS at, 0 AS xid FROM es_event WHERE seq > $1 AND $2::bigint IS NOT NULL ORDER BY seq LIMIT 64`,
    // Nothing is lost; but a transaction has its number from its first write, which may be another one than that to the stream.
    transaction: `SELECT stream_id, version, seq AS at, xmin::text::bigint AS xid FROM es_event
      WHERE (xmin::text::bigint, seq) > ($2::bigint, $1::bigint) AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ORDER BY xmin::text::bigint, seq LIMIT 64`,
  }[order];
  const seen: Seen[] = [];
  let [at, xid] = ['0', '0'];
  for (;;) {
    const last = done(seen.length);
    const { rows } = await pool.query<{ stream_id: string; version: number; at: string; xid: string }>(sql, [at, xid]);
    seen.push(...rows.map((row) => ({ streamId: row.stream_id, version: row.version })));
    ({ at, xid } = rows.at(-1) ?? { at, xid });
    if (last && rows.length === 0) return seen;
  }
}
