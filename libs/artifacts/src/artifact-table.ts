import { failpoint } from '@skein/telemetry';
import type pg from 'pg';
import type { ArtifactDeletion, ArtifactGrant, ArtifactInfo, Principal } from './artifact-store.js';

/** The SQL of the artifact store. */
export class ArtifactTable {
  readonly #pool: pg.Pool;
  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** One query whether or not the bytes exist, so that neither answer nor time tells the difference. */
  async visible(sha256: string, reader: Principal): Promise<ArtifactInfo | undefined> {
    const { rows } = await this.#pool.query<{ size_bytes: string; media_type: string }>(
      `SELECT a.size_bytes, o.media_type FROM artifacts a JOIN artifact_owners o USING (sha256)
        WHERE a.sha256 = $1 AND (o.owner = $2 OR EXISTS (
          SELECT 1 FROM artifact_grants g WHERE g.sha256 = $1 AND g.reader = $2 AND g.granted_by = o.owner AND g.expires_at > clock_timestamp()))
        ORDER BY (o.owner = $2) DESC, o.owner LIMIT 1`,
      [sha256, reader],
    );
    return rows[0] && { sha256, sizeBytes: Number(rows[0].size_bytes), mediaType: rows[0].media_type };
  }

  async announce(sha256: string): Promise<void> {
    await this.#pool.query('INSERT INTO artifact_unowned (sha256) VALUES ($1) ON CONFLICT DO NOTHING', [sha256]);
  }

  /** Runs `keep` (the bytes get their name) and records the owner, excluding the removal of the same bytes. */
  async own(info: ArtifactInfo, owner: Principal, keep: () => Promise<void>): Promise<void> {
    await this.#locked(info.sha256, async (client) => {
      await keep();
      failpoint('artifact.kept');
      await client.query('INSERT INTO artifacts (sha256, size_bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING', [info.sha256, info.sizeBytes]);
      await client.query(
        'INSERT INTO artifact_owners (sha256, owner, media_type) VALUES ($1, $2, $3) ON CONFLICT (sha256, owner) DO UPDATE SET media_type = excluded.media_type',
        [info.sha256, owner, info.mediaType],
      );
      await client.query('DELETE FROM artifact_unowned WHERE sha256 = $1', [info.sha256]);
    });
  }

  /** False when the granter does not own it. */
  async grant(grant: ArtifactGrant): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO artifact_grants (sha256, reader, purpose, granted_by, expires_at)
         SELECT sha256, $2, $3, owner, coalesce(to_timestamp($5::bigint / 1000.0), 'infinity') FROM artifact_owners WHERE sha256 = $1 AND owner = $4 FOR KEY SHARE
       ON CONFLICT (sha256, reader, purpose, granted_by) DO UPDATE SET expires_at = excluded.expires_at, granted_at = clock_timestamp()`,
      [grant.sha256, grant.reader, grant.purpose, grant.grantedBy, grant.expiresAtMs ?? null],
    );
    return rowCount === 1;
  }

  async revoke(sha256: string, reader: Principal, grantedBy: Principal, purpose: string | undefined): Promise<boolean> {
    await this.#pool.query('DELETE FROM artifact_grants WHERE sha256 = $1 AND reader = $2 AND granted_by = $3 AND ($4::text IS NULL OR purpose = $4)', [
      sha256, reader, grantedBy, purpose ?? null,
    ]);
    const { rowCount } = await this.#pool.query('SELECT 1 FROM artifact_owners WHERE sha256 = $1 AND owner = $2', [sha256, grantedBy]);
    return rowCount === 1;
  }

  /** Ends an ownership with its grants and records the fact; undefined when there was none. */
  async disown(sha256: string, owner: Principal, deletedBy: Principal, reason: string): Promise<ArtifactDeletion | undefined> {
    return this.#locked(sha256, async (client) => {
      const ended = await client.query('DELETE FROM artifact_owners WHERE sha256 = $1 AND owner = $2', [sha256, owner]);
      if (ended.rowCount !== 1) return undefined;
      const { rows } = await client.query<{ deleted_at_ms: string }>(
        `INSERT INTO artifact_deletions (sha256, owner, deleted_by, reason) VALUES ($1, $2, $3, $4)
         RETURNING floor(extract(epoch FROM deleted_at) * 1000)::bigint AS deleted_at_ms`,
        [sha256, owner, deletedBy, reason],
      );
      await client.query(
        `WITH gone AS (DELETE FROM artifacts WHERE sha256 = $1 AND NOT EXISTS (SELECT 1 FROM artifact_owners WHERE sha256 = $1) RETURNING sha256)
         INSERT INTO artifact_unowned (sha256) SELECT sha256 FROM gone ON CONFLICT DO NOTHING`,
        [sha256],
      );
      return { sha256, owner, deletedBy, reason, deletedAtMs: Number(rows[0]!.deleted_at_ms) };
    });
  }

  async unowned(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ sha256: string }>('SELECT sha256 FROM artifact_unowned');
    return rows.map((row) => row.sha256);
  }

  /** Runs `remove` unless somebody has come to own the bytes meanwhile. */
  async clear(sha256: string, remove: () => Promise<void>): Promise<void> {
    await this.#locked(sha256, async (client) => {
      const { rowCount } = await client.query('SELECT 1 FROM artifacts WHERE sha256 = $1', [sha256]);
      if (rowCount === 0) await remove();
      await client.query('DELETE FROM artifact_unowned WHERE sha256 = $1', [sha256]);
    });
  }

  /** One change at a time per name: otherwise the last owner's removal could unlink what a new owner has just put there. */
  async #locked<T>(sha256: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 4))', [sha256]);
      const value = await work(client);
      await client.query('COMMIT');
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.release(broken);
    }
  }
}
