import { PositionFeed } from './feed.js';
import { Lease, LeaseLostError } from './lease.js';
import { Pause } from './pause.js';
import { applyRange, buildRange, checkName, createTables } from './projection-schema.js';
import { noteBegun, noteBuilt, noteState, readRebuild, type RebuildProgress } from './rebuild-record.js';
import type { EventStore } from './store.js';
import { tablesHash } from './tables-hash.js';
import { errorCode, inTransaction } from './transaction.js';
import type { Projection, Tx } from './types.js';

/** How a rebuild is done. */
export interface RebuildOptions {
  /** Go on where a killed build of the same version stopped, instead of from the beginning. */
  resume?: boolean;
  /** Called at most every 5 s and at the end. Default: the store's. */
  onProgress?: (progress: RebuildProgress) => void;
  /** Told of each step between two effects, where a kill must not matter. */
  onStep?: (step: RebuildStep) => void;
}

/** `batch` committed; `built` up to the head; `waiting` for a long reader of the live tables; `switching`: all written, not committed; `switched`: committed. */
export type RebuildStep = 'batch' | 'built' | 'waiting' | 'switching' | 'switched';

const LEASE_MS = 12_000;
const NEAR = 500n;
const MAX_ROUNDS = 10;
const PROGRESS_MS = 5_000;
const WAIT_MS = 100;
/** How long readers may have to wait for a switch that waits for another reader. */
const SWITCH_LOCK_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

/** The name of the schema that a projection is built into, and of the checkpoint of that build. */
export const nextOf = (projection: Pick<Projection, 'name'>): string => `${projection.name}__next`;

/** The tables of a live projection; version and hash are null before its first start. */
export interface Live {
  position: bigint;
  version: number | null;
  hash: string | null;
}

/** Reads what is live; `lock` is appended to the query. */
export async function liveOf(tx: Tx, name: string, lock = ''): Promise<Live | undefined> {
  const { rows } = await tx.query<{ position: string; version: number | null; hash: string | null }>(
    `SELECT position, projection_version AS version, projection_hash AS hash FROM public.es_subscription WHERE name = $1 ${lock}`, [name],
  );
  return rows[0] && { ...rows[0], position: BigInt(rows[0].position) };
}

/** One build beside the live tables, under a lease of its own: another process that wants the same waits for it. */
class Rebuild {
  readonly #store: EventStore;
  readonly #projection: Projection;
  readonly #lease: Lease;
  readonly #next: string;
  readonly #options: RebuildOptions;
  #toldAtMs = performance.now();

  constructor(store: EventStore, projection: Projection, lease: Lease, options: RebuildOptions) {
    this.#store = store;
    this.#projection = projection;
    this.#lease = lease;
    this.#next = nextOf(projection);
    this.#options = options;
  }

  async run(): Promise<bigint> {
    await this.#open(this.#options.resume ?? false);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const to = await this.#store.headPosition();
      if (round > 0 && to - this.#position() < NEAR) break;
      await this.#build(to);
    }
    this.#options.onStep?.('built');
    await noteState(this.#store.pool, this.#projection.name, 'switching');
    const position = await this.#switchWhenFree();
    this.#options.onStep?.('switched');
    this.#lease.lose();
    await this.#tell(true);
    return position;
  }

  #position(): bigint {
    if (this.#lease.position === undefined) throw new LeaseLostError(this.#next);
    return this.#lease.position;
  }

  async #open(resume: boolean): Promise<void> {
    const projection = this.#projection;
    const begun = await inTransaction(this.#store.pool, async (tx) => {
      const row = await liveOf(tx, this.#next, 'FOR UPDATE');
      const goesOn = resume && row?.version === projection.version && row.hash === tablesHash(projection);
      if (!goesOn) {
        await createTables(tx, this.#next, projection);
        await tx.query('UPDATE es_subscription SET projection_version = $2, projection_hash = $3 WHERE name = $1', [this.#next, projection.version, tablesHash(projection)]);
        await this.#lease.move(tx, 0n);
      }
      const from = goesOn ? row.position : 0n;
      await noteBegun(tx, projection, from);
      return from;
    });
    this.#lease.moved(begun);
  }

  async #build(to: bigint): Promise<void> {
    await buildRange(this.#store, this.#next, this.#projection, this.#position(), to, {
      move: async (tx, next, head) => {
        // First in its transaction: whoever has lost the lease learns it before it writes a row.
        await this.#lease.move(tx, next);
        await noteBuilt(tx, this.#projection.name, next, head);
      },
      moved: async (next) => {
        this.#lease.moved(next);
        this.#options.onStep?.('batch');
        await this.#tell(false);
      },
    });
  }

  /**
   * A reader that is long under way (a comparison of read models, say) keeps the tables from being dropped, and every later
   * reader queues behind whoever wants to drop them. So the switch gives up soon, lets them through, builds on and tries again.
   */
  async #switchWhenFree(): Promise<bigint> {
    const pause = new Pause();
    for (;;) {
      try {
        return await this.#switchOver();
      } catch (error) {
        if (errorCode(error) !== LOCK_NOT_AVAILABLE) throw error;
        this.#options.onStep?.('waiting');
        await pause.wait(WAIT_MS);
        await this.#build(await this.#store.headPosition());
      }
    }
  }

  /**
   * Makes the built schema the live one: catches it up with the live checkpoint, which stands still under the row's lock, then
   * drops and renames in the same transaction. The live lease ends, so that its owner starts again: in the same version from
   * the new checkpoint, in an older one not at all.
   */
  async #switchOver(): Promise<bigint> {
    const [projection, store, built] = [this.#projection, this.#store, this.#position()];
    return inTransaction(store.pool, async (tx) => {
      await tx.query('INSERT INTO es_subscription (name) VALUES ($1) ON CONFLICT DO NOTHING', [projection.name]);
      const live = await liveOf(tx, projection.name, 'FOR UPDATE');
      if ((live?.version ?? 0) > projection.version) throw new Error(`projection ${projection.name} is live in version ${live?.version}, newer than ${projection.version}`);
      const position = live && live.position > built ? live.position : built;
      await this.#lease.move(tx, position);
      await applyRange(tx, store, this.#next, projection, built, position);
      await tx.query(`SET LOCAL lock_timeout = ${SWITCH_LOCK_MS}`);
      await tx.query(`DROP SCHEMA IF EXISTS "${projection.name}" CASCADE; ALTER SCHEMA "${this.#next}" RENAME TO "${projection.name}"`);
      await tx.query(
        `UPDATE es_subscription SET position = $2, projection_version = $3, projection_hash = $4, lease_owner = NULL, lease_pid = NULL, lease_pid_started = NULL WHERE name = $1`,
        [projection.name, position.toString(), projection.version, tablesHash(projection)],
      );
      await tx.query('DELETE FROM es_subscription WHERE name = $1', [this.#next]);
      await noteBuilt(tx, projection.name, position, position);
      await noteState(tx, projection.name, 'done');
      this.#options.onStep?.('switching');
      return position;
    });
  }

  async #tell(now: boolean): Promise<void> {
    const onProgress = this.#options.onProgress ?? this.#store.onProgress;
    if (onProgress === undefined || (!now && performance.now() - this.#toldAtMs < PROGRESS_MS)) return;
    this.#toldAtMs = performance.now();
    const progress = await readRebuild(this.#store.pool, this.#projection.name);
    if (progress) onProgress(progress);
  }
}

/** The row's `finished_at` changes with each rebuild that ends well. */
async function finishedAt(store: EventStore, { name, version }: Projection): Promise<number | undefined> {
  const last = await readRebuild(store.pool, name);
  return last?.state === 'done' && last.version === version ? last.finishedAtMs : undefined;
}

/** Waits for the build's lease; undefined where another process has meanwhile done the same rebuild. */
async function acquired(store: EventStore, projection: Projection): Promise<Lease | undefined> {
  const lease = new Lease(store.pool, nextOf(projection), LEASE_MS);
  const before = await finishedAt(store, projection);
  const pause = new Pause();
  while (!(await lease.acquire())) {
    await pause.wait(WAIT_MS);
    const finished = await finishedAt(store, projection);
    if (finished !== undefined && finished !== before) return undefined;
  }
  // It may have been free because the other one ended between the look and the try.
  const finished = await finishedAt(store, projection);
  if (finished === undefined || finished === before) return lease;
  await store.pool.query('DELETE FROM es_subscription WHERE name = $1', [nextOf(projection)]);
  lease.lose();
  return undefined;
}

/**
 * Rebuilds a projection beside the live one, which goes on meanwhile, and puts it in its place at once. Survives a kill at any
 * step: with `resume` the next one goes on where it stopped. Where another process is rebuilding the same projection it waits
 * for that one, and leaves it at that if it has the same version. How it stands can be read by `readRebuild`.
 */
export async function rebuildProjection(store: EventStore, projection: Projection, options: RebuildOptions = {}): Promise<{ position: bigint }> {
  checkName(projection);
  // The connection that stands for this process: the lease of a killed one ends with it.
  const unlisten = PositionFeed.of(store.pool).listen(() => undefined);
  try {
    const lease = await acquired(store, projection);
    if (!lease) return { position: (await liveOf(store.pool, projection.name))?.position ?? 0n };
    try {
      return { position: await new Rebuild(store, projection, lease, options).run() };
    } catch (error) {
      // Not where another process has it now: it has its own say.
      if (!(error instanceof LeaseLostError)) await noteState(store.pool, projection.name, 'failed', error instanceof Error ? error.message : String(error)).catch(() => undefined);
      await lease.release().catch(() => undefined);
      throw error;
    }
  } finally {
    unlisten();
  }
}
