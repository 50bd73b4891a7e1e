import { randomUUID } from 'node:crypto';
import { METADATA, type Contender } from './contender.js';
import { poolOf } from './server.js';

/** Parts of the rows that a bare insert goes without, to see what each costs: all else is as in `es_event`. */
export type LeftOut = 'nothing' | 'event-id-index' | 'all-indexes-but-one' | 'checks' | 'json';

/** Ids as the store makes them: one per append, which ends in the event's number. */
function idsOf(count: number): string[] {
  const first = randomUUID().slice(0, -4);
  return Array.from({ length: count }, (_, index) => first + index.toString(16).padStart(4, '0'));
}

/** Drops the indexes whose definition meets a condition; some of them belong to constraints. */
const dropIndexes = (table: string, which: string): string => `
  DO $$ DECLARE i record; BEGIN
    FOR i IN SELECT x.indexrelid::regclass AS name, c.conname FROM pg_index x LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid WHERE x.indrelid = '${table}'::regclass AND ${which} LOOP
      IF i.conname IS NULL THEN EXECUTE format('DROP INDEX %s', i.name); ELSE EXECUTE format('ALTER TABLE ${table} DROP CONSTRAINT %I', i.conname); END IF;
    END LOOP;
  END $$`;

const without: Readonly<Record<LeftOut, (table: string) => string>> = {
  nothing: () => '',
  'event-id-index': (table) => dropIndexes(table, `pg_get_indexdef(x.indexrelid) LIKE '%(event_id)%'`),
  'all-indexes-but-one': (table) => dropIndexes(table, 'NOT x.indisprimary'),
  checks: (table) => `DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = '${table}'::regclass AND contype = 'c' LOOP EXECUTE format('ALTER TABLE ${table} DROP CONSTRAINT %I', c); END LOOP; END $$`,
  json: (table) => `${dropIndexes(table, `pg_get_indexdef(x.indexrelid) LIKE '%->>%'`)}; ALTER TABLE ${table} DROP CONSTRAINT es_event_size, ALTER data TYPE text, ALTER metadata TYPE text`,
};

/**
 * The ceiling: our event rows by a prepared `INSERT` into a table with the same columns, checks and indexes, and nothing
 * else: no expected version, no lock, no position, one statement per append and one round trip.
 */
export async function bareContender(connectionString: string, poolMax: number, leftOut: LeftOut = 'nothing'): Promise<Contender> {
  const pool = poolOf(connectionString, poolMax);
  const table = leftOut === 'nothing' ? 'bare_event' : `bare_event_${leftOut.replaceAll('-', '_')}`;
  const type = leftOut === 'json' ? 'text' : 'json';
  const into = `INSERT INTO ${table} (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)`;
  const row = `${into} VALUES ($1, $2, $3, $4, 1, $5, $6, $7)`;
  const batch = `${into} SELECT $1, $2::int + n, id, type, 1, data::${type}, $6::${type}, $7 FROM unnest($3::uuid[], $4::text[], $5::text[]) WITH ORDINALITY AS e (id, type, data, n)`;
  await pool.query(`CREATE TABLE ${table} (LIKE es_event INCLUDING ALL); ${without[leftOut](table)}`);
  return {
    name: leftOut === 'nothing' ? 'insert' : `insert-without-${leftOut}`,
    append: async (stream, version, events) => {
      if (events.length > 1) {
        const [ids, types, data] = [idsOf(events.length), events.map(({ type }) => type), events.map((event) => JSON.stringify(event.data))];
        await pool.query({ name: 'bare-batch', text: batch, values: [stream, version, ids, types, data, JSON.stringify(METADATA), events[0]?.data.movedAtMs] });
        return;
      }
      for (const [index, event] of events.entries())
        await pool.query({ name: 'bare', text: row, values: [stream, version + index + 1, ...idsOf(1), event.type, JSON.stringify(event.data), JSON.stringify(METADATA), event.data.movedAtMs] });
    },
    settle: async () => undefined,
    count: async () => Number((await pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count ?? 0),
    close: () => pool.end(),
  };
}
