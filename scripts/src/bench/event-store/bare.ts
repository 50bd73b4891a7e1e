import { randomUUID } from 'node:crypto';
import { METADATA, type Contender } from './contender.js';
import { poolOf } from './server.js';

const ROWS = 'INSERT INTO bare_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) VALUES ($1, $2, $3, $4, 1, $5, $6, $7)';

const BATCH = `INSERT INTO bare_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
  SELECT $1, $2::int + n, id, type, 1, data::json, $6::json, $7 FROM unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY AS e (id, type, data, n)`;

/**
 * The ceiling: our event rows by a prepared `INSERT` into a table with the same columns, checks and indexes, and nothing
 * else: no expected version, no lock, no position, one statement per append and one round trip.
 */
export async function bareContender(connectionString: string, poolMax: number): Promise<Contender> {
  const pool = poolOf(connectionString, poolMax);
  await pool.query('CREATE TABLE bare_event (LIKE es_event INCLUDING ALL)');
  return {
    name: 'insert',
    append: async (stream, version, events) => {
      if (events.length > 1) {
        const [ids, types, data] = [events.map(() => randomUUID()), events.map(({ type }) => type), events.map((event) => JSON.stringify(event.data))];
        await pool.query({ name: 'bare-batch', text: BATCH, values: [stream, version, ids, types, data, JSON.stringify(METADATA), events[0]?.data.movedAtMs] });
        return;
      }
      for (const [index, event] of events.entries())
        await pool.query({ name: 'bare', text: ROWS, values: [stream, version + index + 1, randomUUID(), event.type, JSON.stringify(event.data), JSON.stringify(METADATA), event.data.movedAtMs] });
    },
    settle: async () => undefined,
    count: async () => Number((await pool.query<{ count: string }>('SELECT count(*) FROM bare_event')).rows[0]?.count ?? 0),
    close: () => pool.end(),
  };
}
