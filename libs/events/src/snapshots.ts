import { decodePayload, type SnapshotCodec } from '@skein/kernel';
import type { Pool } from 'pg';
import { toJsonText } from './codec.js';
import type { ReportError } from './types.js';

/** A state as far as a stream's version. */
export interface Kept<S> {
  version: number;
  state: S;
}

interface SnapshotRow {
  schema_version: number;
  version: number;
  state: unknown;
  belongs: boolean;
}

/**
 * States of long streams for cold starts, in the table es_snapshot. Whatever is wrong with one of them, the stream is folded from
 * its first event instead; deleting all of them changes nothing but time.
 */
export class Snapshots {
  readonly #pool: Pool;
  readonly #onError: ReportError;
  readonly #saving = new Map<string, Promise<void>>();

  constructor(pool: Pool, onError: ReportError) {
    this.#pool = pool;
    this.#onError = onError;
  }

  /** The kept state of a stream; undefined where there is none that this program can use. */
  async load<S>(codec: SnapshotCodec<S>, streamId: string): Promise<Kept<S> | undefined> {
    const { rows } = await this.#pool.query<SnapshotRow>({
      name: 'es-snapshot-load',
      // The event must still be there: a log that was set back to an older backup has another history.
      text: `SELECT s.schema_version, s.version, s.state,
          EXISTS (SELECT FROM es_history h WHERE h.stream_id = s.stream_id AND h.version = s.version AND h.event_id = s.event_id) AS belongs
        FROM es_snapshot s WHERE s.stream_id = $1 AND s.name = $2`,
      values: [streamId, codec.name],
    });
    const row = rows[0];
    if (!row) return undefined;
    if (row.belongs && row.schema_version === codec.version) {
      try {
        return { version: row.version, state: codec.decode(decodePayload(row.state)) };
      } catch (error) {
        this.#onError(error, `snapshot of ${streamId}`);
      }
    }
    await this.#pool.query('DELETE FROM es_snapshot WHERE stream_id = $1 AND name = $2 AND version = $3 AND schema_version = $4', [streamId, codec.name, row.version, row.schema_version]);
    return undefined;
  }

  /** Keeps the state after `version` where the stream has passed a multiple of `every` since `before`. In the background. */
  passed<S>(codec: SnapshotCodec<S>, streamId: string, before: number, { version, state }: Kept<S>): void {
    if (Math.floor(version / codec.every) <= Math.floor(before / codec.every) || this.#saving.has(streamId)) return;
    const saving = this.#save(codec, streamId, version, state)
      .catch((error: unknown) => this.#onError(error, `snapshot of ${streamId}`))
      .finally(() => this.#saving.delete(streamId));
    this.#saving.set(streamId, saving);
  }

  async #save<S>(codec: SnapshotCodec<S>, streamId: string, version: number, state: S): Promise<void> {
    await this.#pool.query({
      name: 'es-snapshot-save',
      text: `INSERT INTO es_snapshot AS s (stream_id, name, schema_version, version, event_id, state)
        SELECT $1, $2, $3, $4, h.event_id, $5 FROM es_history h WHERE h.stream_id = $1 AND h.version = $4
        ON CONFLICT (stream_id, name) DO UPDATE SET schema_version = excluded.schema_version, version = excluded.version, event_id = excluded.event_id,
          state = excluded.state, taken_at = clock_timestamp()
        WHERE s.schema_version <> excluded.schema_version OR s.version < excluded.version`,
      values: [streamId, codec.name, codec.version, version, toJsonText(codec.encode(state))],
    });
  }

  /** Waits for what is being kept. */
  async idle(): Promise<void> {
    await Promise.all(this.#saving.values());
  }
}
