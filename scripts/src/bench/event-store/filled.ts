import type { EmbeddedPostgres } from '@skein/embedded';
import { compareProjection, EventStore, eventsMigrations, migrate, rebuildProjection, type Projection } from '@skein/events';
import type { DomainEvent } from '@skein/kernel';
import type pg from 'pg';
import { METADATA } from './contender.js';
import { poolOf } from './server.js';

const APPEND = 250;

/** A store of a service's events, to rebuild its read models from. */
export class FilledStore {
  readonly #store: EventStore;
  readonly #pool: pg.Pool;

  private constructor(store: EventStore, pool: pg.Pool) {
    this.#store = store;
    this.#pool = pool;
  }

  static async open(server: EmbeddedPostgres, database: string, poolMax: number): Promise<FilledStore> {
    const { ownerUrl, appUrl } = await server.createDatabase(database);
    const owner = poolOf(ownerUrl, 1);
    await migrate(owner, [eventsMigrations]);
    await owner.end();
    const pool = poolOf(appUrl, poolMax);
    return new FilledStore(new EventStore({ pool }), pool);
  }

  /** Writes a new stream; answers the number of its events. */
  async append(stream: string, events: readonly DomainEvent[]): Promise<number> {
    for (let at = 0; at < events.length; at += APPEND) await this.#store.append(stream, at, events.slice(at, at + APPEND), METADATA);
    return events.length;
  }

  /** Resolves when everything is readable. */
  async settle(): Promise<void> {
    await this.#store.headPosition();
  }

  /** Rebuilds a read model; events of its types per second. */
  async rebuildPerSecond(projection: Projection): Promise<number> {
    const { rows } = await this.#pool.query<{ events: string }>('SELECT count(*) AS events FROM es_event WHERE type = ANY ($1)', [projection.types]);
    const startedMs = performance.now();
    await rebuildProjection(this.#store, projection);
    return Number(rows[0]?.events) / ((performance.now() - startedMs) / 1_000);
  }

  /** Throws where the live rows are not those that the projection comes to event by event. */
  async check(projection: Projection): Promise<void> {
    const compared = await compareProjection(this.#store, projection);
    if (!compared.equal || compared.rows === 0) throw new Error(`${projection.name} came to other rows: ${JSON.stringify(compared.differences.slice(0, 3))}`);
  }

  async close(): Promise<void> {
    await this.#store.close();
    await this.#pool.end();
  }
}
