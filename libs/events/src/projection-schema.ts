import type { EventStore, ReadPage } from './store.js';
import { inTransaction } from './transaction.js';
import type { Projection, RecordedEvent, Tx } from './types.js';

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
// One transaction each. Where a batch is a few statements, larger ones share them among more events.
const batchOf = (projection: Projection): number => (projection.applyBatch ? 4_000 : 500);

// Rows come with their checkpoint, so what a crash of the server costs is built again.
const BEGIN_QUICK = 'BEGIN; SET LOCAL synchronous_commit = off';

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
  if (projection.applyBatch) return projection.applyBatch(tx, events);
  for (const event of events) await projection.apply(tx, event);
}

/** Applies the events of (from, to] inside one transaction. */
export async function applyRange(tx: Tx, store: EventStore, schema: string, projection: Projection, from: bigint, to: bigint): Promise<void> {
  const limit = batchOf(projection);
  let at = from;
  while (at < to) {
    // On the same connection: a pool whose connections all waited here for another one would never get on.
    const { events, head } = await store.readPage(at, limit, projection.types, tx);
    const wanted = events.filter((event) => event.position <= to);
    if (wanted.length > 0) await applyAll(tx, schema, projection, wanted);
    at = events.length < limit ? head : (events.at(-1)?.position ?? head);
  }
  await tx.query('SET LOCAL search_path = public');
}

/** The checkpoint of a build. */
export interface BuildCheckpoint {
  /** Moves it, first in the transaction of the batch; throws where somebody else has moved it. */
  move(tx: Tx, next: bigint, head: bigint): Promise<void>;
  /** Once that transaction is committed. */
  moved(next: bigint): Promise<void>;
}

/** Applies (from, to] to the tables of `schema`, each batch in one transaction with its checkpoint. */
export async function buildRange(store: EventStore, schema: string, projection: Projection, from: bigint, to: bigint, checkpoint: BuildCheckpoint): Promise<void> {
  const limit = batchOf(projection);
  const read = (after: bigint): Promise<ReadPage> => {
    const page = store.readPage(after, limit, projection.types);
    // Heard of when it is waited for, unless the batch before it has failed.
    page.catch(() => undefined);
    return page;
  };
  let position = from;
  let page = position < to ? read(position) : undefined;
  while (page !== undefined) {
    const { events, head } = await page;
    const wanted = events.filter((event) => event.position <= to);
    const next = wanted.length < limit ? (head < to ? head : to) : (wanted.at(-1)?.position ?? to);
    // The server reads while this process and another connection write.
    page = next < to && next > position ? read(next) : undefined;
    await inTransaction(store.pool, async (tx) => {
      await checkpoint.move(tx, next, head);
      if (wanted.length > 0) await applyAll(tx, schema, projection, wanted);
    }, BEGIN_QUICK);
    position = next;
    await checkpoint.moved(next);
  }
}

/** Builds the projection anew into `schema` up to `to`; the schema is this call's own. */
export async function buildAside(store: EventStore, schema: string, projection: Projection, to: bigint): Promise<bigint> {
  await inTransaction(store.pool, (tx) => createTables(tx, schema, projection));
  await buildRange(store, schema, projection, 0n, to, { move: async () => undefined, moved: async () => undefined });
  return to;
}
