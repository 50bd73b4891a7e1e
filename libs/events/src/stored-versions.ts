import { schemaVersionOf, type Upcasters } from '@skein/kernel';
import type { Pool } from 'pg';

/** Events that a newer program has written: this one must not go on from what it cannot read. */
export class NewerEventsError extends Error {
  /** By a newer program, which is about to replace this one. */
  readonly retriable = true;
  constructor(found: readonly { type: string; schemaVersion: number; known: number; streamId: string }[]) {
    super(found.map(({ type, schemaVersion, known, streamId }) =>
      `stream ${streamId} holds an event ${type} of schema version ${schemaVersion}; this program knows versions up to ${known}`).join('; '));
    this.name = 'NewerEventsError';
  }
}

// Along the partial index of lifted events from one (type, version) to the next: as many steps as there are such pairs,
// however many events. Events of schema version 1 are no part of it, and they are never too new.
const lifted = (table: string): string => `
  (WITH RECURSIVE pair AS (
    (SELECT type, schema_version, stream_id FROM ${table} WHERE schema_version > 1 ORDER BY type, schema_version, stream_id LIMIT 1)
    UNION ALL
    SELECT next.* FROM pair CROSS JOIN LATERAL (
      SELECT e.type, e.schema_version, e.stream_id FROM ${table} e
      WHERE e.schema_version > 1 AND (e.type, e.schema_version) > (pair.type, pair.schema_version)
      ORDER BY e.type, e.schema_version, e.stream_id LIMIT 1) next
  ) SELECT * FROM pair)`;

/**
 * Throws `NewerEventsError`, naming stream, type and versions, where the log holds events of a schema version above what the
 * upcasters lead to. To be asked before a service writes anything.
 */
export async function checkStoredVersions(pool: Pool, upcasters: Upcasters): Promise<void> {
  const { rows } = await pool.query<{ type: string; schema_version: number; stream_id: string }>({
    name: 'es-stored-versions',
    text: `SELECT DISTINCT ON (type, schema_version) * FROM (${lifted('es_event')} UNION ALL ${lifted('es_event_archive')}) found ORDER BY type, schema_version, stream_id`,
  });
  const newer = rows
    .map((row) => ({ type: row.type, schemaVersion: row.schema_version, known: schemaVersionOf(upcasters, row.type), streamId: row.stream_id }))
    .filter(({ schemaVersion, known }) => schemaVersion > known);
  if (newer.length > 0) throw new NewerEventsError(newer);
}
