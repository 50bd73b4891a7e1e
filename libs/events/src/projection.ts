import { randomUUID } from 'node:crypto';
import { applyAll, applyRange, buildAside, buildRange, checkName, createTables } from './projection-schema.js';
import { liveOf, rebuildProjection } from './rebuild.js';
import type { EventStore } from './store.js';
import { tablesHash } from './tables-hash.js';
import { inTransaction } from './transaction.js';
import type { Projection, Sink, Tx } from './types.js';

async function prepare(store: EventStore, projection: Projection): Promise<void> {
  const live = await liveOf(store.pool, projection.name);
  const version = live?.version ?? 0;
  if (version === projection.version) {
    if (live?.hash !== tablesHash(projection)) throw new Error(`the tables of projection ${projection.name} have changed without a new version`);
    return;
  }
  if (version > projection.version) throw new Error(`projection ${projection.name} is live in version ${version}, newer than ${projection.version}`);
  if (version > 0) {
    await rebuildProjection(store, projection, { resume: true });
    // Another process may have been at it, in yet another version.
    return prepare(store, projection);
  }
  await inTransaction(store.pool, async (tx) => {
    await createTables(tx, projection.name, projection);
    await tx.query('UPDATE es_subscription SET position = 0, projection_version = $2, projection_hash = $3 WHERE name = $1', [projection.name, projection.version, tablesHash(projection)]);
  });
}

/**
 * A projection as a sink: each batch's rows and the checkpoint in one transaction. At start it makes the tables, or rebuilds
 * them beside the live ones where the version has been raised.
 */
export function projectionSink(store: EventStore, projection: Projection): Sink {
  checkName(projection);
  return {
    kind: 'projection',
    name: projection.name,
    ...(projection.types ? { types: projection.types } : {}),
    prepare: () => prepare(store, projection),
    usable: async () => {
      const live = await liveOf(store.pool, projection.name);
      return live?.version === projection.version && live.hash === tablesHash(projection);
    },
    deliver: async (events, advance) => {
      const last = events.at(-1);
      if (last) await advance(last.position, (tx) => applyAll(tx, projection.name, projection, events));
    },
  };
}

/** One row that only one side has. */
export interface RowDifference {
  table: string;
  side: 'live' | 'rebuilt';
  row: unknown;
}

/** Outcome of a comparison at one position: at most 20 differences per table and side are listed. */
export interface ProjectionComparison {
  projection: string;
  position: bigint;
  tables: number;
  rows: number;
  equal: boolean;
  differences: RowDifference[];
}

async function tablesOf(tx: Tx, schema: string): Promise<string[]> {
  const { rows } = await tx.query<{ name: string }>(`SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY relname`, [`"${schema}"`]);
  return rows.map((row) => row.name);
}

async function onlyIn(tx: Tx, table: string, side: RowDifference['side'], schema: string, other: string): Promise<RowDifference[]> {
  const { rows } = await tx.query<{ row: unknown }>(
    `SELECT row FROM (SELECT to_jsonb(a) AS row FROM "${schema}"."${table}" a EXCEPT ALL SELECT to_jsonb(b) FROM "${other}"."${table}" b) d LIMIT 20`);
  return rows.map(({ row }) => ({ table, side, row }));
}

async function compareSchemas(tx: Tx, live: string, rebuilt: string): Promise<Pick<ProjectionComparison, 'tables' | 'rows' | 'differences'>> {
  const [tables, others] = [await tablesOf(tx, live), await tablesOf(tx, rebuilt)];
  const differences: RowDifference[] = tables.join() === others.join() ? [] : [{ table: tables.join(), side: 'live', row: others.join() }];
  let rows = 0;
  for (const table of tables.filter((name) => others.includes(name))) {
    const counted = await tx.query<{ count: string }>(`SELECT count(*) FROM "${live}"."${table}"`);
    rows += Number(counted.rows[0]?.count ?? 0);
    differences.push(...(await onlyIn(tx, table, 'live', live, rebuilt)), ...(await onlyIn(tx, table, 'rebuilt', rebuilt, live)));
  }
  return { tables: tables.length, rows, differences };
}

/**
 * Rebuilds the projection into a second schema and compares it row by row with the live one, both at the live checkpoint,
 * while writes and the live projection go on. The second schema is removed again. Throws where the projection is not live.
 */
export async function compareProjection(store: EventStore, projection: Projection): Promise<ProjectionComparison> {
  checkName(projection);
  // Of its own name: two comparisons at once must not take each other's tables away.
  const schema = `${projection.name}__compare_${randomUUID().slice(0, 8)}`;
  const livePosition = async (): Promise<bigint> => {
    const live = await liveOf(store.pool, projection.name);
    if (!live?.version) throw new Error(`projection ${projection.name} is not live`);
    return live.position;
  };
  try {
    const built = await buildCloseTo(livePosition, store, schema, projection);
    // One snapshot for checkpoint and rows of the live side; what it is ahead is applied here to the other.
    return await inTransaction(
      store.pool,
      async (tx) => {
        const position = (await liveOf(tx, projection.name))?.position ?? 0n;
        await applyRange(tx, store, schema, projection, built, position);
        const compared = await compareSchemas(tx, projection.name, schema);
        return { projection: projection.name, position, ...compared, equal: compared.differences.length === 0 };
      },
      'BEGIN ISOLATION LEVEL REPEATABLE READ',
    );
  } finally {
    await store.pool.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  }
}

const NEAR = 500n;
const MAX_ROUNDS = 10;

/** Builds until little is left to a target that moves on meanwhile: what is left is applied in one snapshot. */
async function buildCloseTo(target: () => Promise<bigint>, store: EventStore, schema: string, projection: Projection): Promise<bigint> {
  let built = await buildAside(store, schema, projection, await target());
  for (let round = 1; round < MAX_ROUNDS; round += 1) {
    const to = await target();
    if (to - built < NEAR) break;
    await buildRange(store, schema, projection, built, to, { move: async () => undefined, moved: async () => undefined });
    built = to;
  }
  return built;
}
