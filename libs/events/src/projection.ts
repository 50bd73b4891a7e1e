import { applyAll, applyRange, build, checkName, createTables, discard, tablesHash } from './projection-schema.js';
import type { EventStore } from './store.js';
import { inTransaction } from './transaction.js';
import type { Projection, Sink, Tx } from './types.js';

/** The live projection: version and hash are null before its first start. */
interface Live {
  position: bigint;
  version: number | null;
  hash: string | null;
}

async function liveOf(tx: Tx, name: string, lock = ''): Promise<Live | undefined> {
  const { rows } = await tx.query<{ position: string; version: number | null; hash: string | null }>(
    `SELECT position, projection_version AS version, projection_hash AS hash FROM es_subscription WHERE name = $1 ${lock}`, [name],
  );
  return rows[0] && { ...rows[0], position: BigInt(rows[0].position) };
}

/**
 * Makes the built schema the live one: catches it up with the live checkpoint, which stands still under the row's lock, then
 * drops and renames in the same transaction. The lease ends, so that its owner starts again from the new checkpoint.
 */
async function switchOver(store: EventStore, projection: Projection, next: string, built: bigint): Promise<bigint> {
  return inTransaction(store.pool, async (tx) => {
    await tx.query('INSERT INTO es_subscription (name) VALUES ($1) ON CONFLICT DO NOTHING', [projection.name]);
    const live = (await liveOf(tx, projection.name, 'FOR UPDATE'))?.position ?? 0n;
    const position = live > built ? live : built;
    await applyRange(tx, store, next, projection, built, position);
    await tx.query(`DROP SCHEMA IF EXISTS "${projection.name}" CASCADE; ALTER SCHEMA "${next}" RENAME TO "${projection.name}"`);
    await tx.query(
      `UPDATE es_subscription SET position = $2, projection_version = $3, projection_hash = $4, lease_owner = NULL, lease_pid = NULL, lease_pid_started = NULL WHERE name = $1`,
      [projection.name, position.toString(), projection.version, tablesHash(projection)],
    );
    await tx.query('DELETE FROM es_subscription WHERE name = $1', [next]);
    return position;
  });
}

const NEAR = 500n;
const MAX_ROUNDS = 10;

/** Builds until little is left to a target that moves on meanwhile: what is left is applied under a lock or in one snapshot. */
async function buildCloseTo(target: () => Promise<bigint>, store: EventStore, schema: string, projection: Projection, resume: boolean): Promise<bigint> {
  let built = await build(store, schema, projection, await target(), resume);
  for (let round = 1; round < MAX_ROUNDS; round += 1) {
    const to = await target();
    if (to - built < NEAR) break;
    built = await build(store, schema, projection, to, true);
  }
  return built;
}

/** Rebuilds a projection beside the live one, which goes on meanwhile, and puts it in its place at once. Survives a kill at any step. */
export async function rebuildProjection(store: EventStore, projection: Projection, options: { resume?: boolean } = {}): Promise<{ position: bigint }> {
  checkName(projection);
  const next = `${projection.name}__next`;
  const built = await buildCloseTo(() => store.headPosition(), store, next, projection, options.resume ?? false);
  return { position: await switchOver(store, projection, next, built) };
}

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
    return;
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
  const schema = `${projection.name}__compare`;
  const livePosition = async (): Promise<bigint> => {
    const live = await liveOf(store.pool, projection.name);
    if (!live?.version) throw new Error(`projection ${projection.name} is not live`);
    return live.position;
  };
  const built = await buildCloseTo(livePosition, store, schema, projection, false);
  // One snapshot for checkpoint and rows of the live side; what it is ahead is applied here to the other.
  return inTransaction(
    store.pool,
    async (tx) => {
      const position = (await liveOf(tx, projection.name))?.position ?? 0n;
      await applyRange(tx, store, schema, projection, built, position);
      const compared = await compareSchemas(tx, projection.name, schema);
      await discard(tx, schema);
      return { projection: projection.name, position, ...compared, equal: compared.differences.length === 0 };
    },
    'BEGIN ISOLATION LEVEL REPEATABLE READ',
  );
}
