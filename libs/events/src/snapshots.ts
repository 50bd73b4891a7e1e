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
  version: number;
  state: unknown;
  belongs: boolean;
}

/** Each version of a codec has a row of its own: while two programs run side by side, neither spoils the other's. */
const rowName = ({ name, version }: Pick<SnapshotCodec<never>, 'name' | 'version'>): string => `${name}#${version}`;

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
      text: `SELECT s.version, s.state,
          EXISTS (SELECT FROM es_history h WHERE h.stream_id = s.stream_id AND h.version = s.version AND h.event_id = s.event_id) AS belongs
        FROM es_snapshot s WHERE s.stream_id = $1 AND s.name = $2`,
      values: [streamId, rowName(codec)],
    });
    const row = rows[0];
    if (!row) return undefined;
    if (row.belongs) {
      try {
        return { version: row.version, state: codec.decode(decodePayload(row.state)) };
      } catch (error) {
        this.#onError(error, `snapshot of ${streamId}`);
      }
    }
    await this.#pool.query('DELETE FROM es_snapshot WHERE stream_id = $1 AND name = $2 AND version = $3', [streamId, rowName(codec), row.version]);
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
      // The version before this one stays: the program that is being replaced, or returned to, has use for it.
      text: `WITH older AS (DELETE FROM es_snapshot WHERE stream_id = $1 AND split_part(name, '#', 1) = $6 AND schema_version < $3::int - 1)
        INSERT INTO es_snapshot AS s (stream_id, name, schema_version, version, event_id, state)
        SELECT $1, $2, $3::int, $4, h.event_id, $5 FROM es_history h WHERE h.stream_id = $1 AND h.version = $4
        ON CONFLICT (stream_id, name) DO UPDATE SET version = excluded.version, event_id = excluded.event_id, state = excluded.state, taken_at = clock_timestamp()
        WHERE s.version < excluded.version`,
      values: [streamId, rowName(codec), codec.version, version, toJsonText(codec.encode(state)), codec.name],
    });
  }

  /** Waits for what is being kept. */
  async idle(): Promise<void> {
    await Promise.all(this.#saving.values());
  }
}
