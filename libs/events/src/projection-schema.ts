import { createHash } from 'node:crypto';
import type { EventStore } from './store.js';
import { inTransaction } from './transaction.js';
import type { Projection, RecordedEvent, Tx } from './types.js';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const BATCH = 500;

/** Identifies the projection's table definitions. */
export const tablesHash = (projection: Projection): string => createHash('sha256').update(projection.tables).digest('hex');

/** Throws where the projection's name cannot be a schema's. */
export function checkName(projection: Projection): void {
  if (!NAME.test(projection.name) || projection.name.includes('__') || projection.name === 'public' || projection.name.startsWith('pg_'))
    throw new Error(`not a projection name: ${projection.name}`);
  if (!Number.isInteger(projection.version) || projection.version < 1) throw new Error(`projection ${projection.name} needs a version from 1 on`);
}

/** Makes a schema anew with the projection's empty tables. */
export async function createTables(tx: Tx, schema: string, projection: Projection): Promise<void> {
  await tx.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE; CREATE SCHEMA "${schema}"; SET LOCAL search_path = "${schema}"; ${projection.tables}; SET LOCAL search_path = public`);
}

/** Applies events to the tables of one schema; the transaction's search_path is the schema's afterwards. */
export async function applyAll(tx: Tx, schema: string, projection: Projection, events: readonly RecordedEvent[]): Promise<void> {
  await tx.query(`SET LOCAL search_path = "${schema}"`);
  for (const event of events) await projection.apply(tx, event);
}

/** Applies the events of (from, to] inside one transaction. */
export async function applyRange(tx: Tx, store: EventStore, schema: string, projection: Projection, from: bigint, to: bigint): Promise<void> {
  let at = from;
  while (at < to) {
    // On the same connection: a pool whose connections all waited here for another one would never get on.
    const { events, head } = await store.readPage(at, BATCH, projection.types, tx);
    const wanted = events.filter((event) => event.position <= to);
    if (wanted.length > 0) await applyAll(tx, schema, projection, wanted);
    at = events.length < BATCH ? head : (events.at(-1)?.position ?? head);
  }
  await tx.query('SET LOCAL search_path = public');
}

/** Progress of a schema that is being built beside the live one; it survives a kill. */
interface Building {
  position: bigint;
}

async function openBuilding(store: EventStore, schema: string, projection: Projection, resume: boolean): Promise<Building> {
  return inTransaction(store.pool, async (tx) => {
    const { rows } = await tx.query<{ position: string; projection_version: number; projection_hash: string }>(
      'SELECT position, projection_version, projection_hash FROM es_subscription WHERE name = $1 FOR UPDATE', [schema],
    );
    const row = rows[0];
    if (resume && row?.projection_version === projection.version && row.projection_hash === tablesHash(projection)) return { position: BigInt(row.position) };
    await createTables(tx, schema, projection);
    await tx.query(
      `INSERT INTO es_subscription (name, projection_version, projection_hash) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET position = 0, projection_version = $2, projection_hash = $3`,
      [schema, projection.version, tablesHash(projection)],
    );
    return { position: 0n };
  });
}

/**
 * Builds the projection into `schema` from the beginning (or, with `resume`, from where a killed build stopped) up to `to` and
 * returns the position reached. Each batch commits with its checkpoint, by compare-and-set.
 */
export async function build(store: EventStore, schema: string, projection: Projection, to: bigint, resume: boolean): Promise<bigint> {
  let { position } = await openBuilding(store, schema, projection, resume);
  while (position < to) {
    const { events, head } = await store.readPage(position, BATCH, projection.types);
    const wanted = events.filter((event) => event.position <= to);
    const next = wanted.length < BATCH ? (head < to ? head : to) : (wanted.at(-1)?.position ?? to);
    const from = position;
    await inTransaction(store.pool, async (tx) => {
      const moved = await tx.query('UPDATE es_subscription SET position = $3 WHERE name = $1 AND position = $2', [schema, from.toString(), next.toString()]);
      if (moved.rowCount !== 1) throw new Error(`somebody else builds ${schema}`);
      if (wanted.length > 0) await applyAll(tx, schema, projection, wanted);
    });
    position = next;
  }
  return position;
}

/** Removes a schema that was built and its checkpoint. */
export async function discard(tx: Tx, schema: string): Promise<void> {
  await tx.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  await tx.query('DELETE FROM es_subscription WHERE name = $1', [schema]);
}
