import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { GroupCommit, type PreparedAppend } from './group-commit.js';

const append: PreparedAppend = {
  streamId: 'account-1', expected: 3, metadata: '{}', recordedAtMs: null, clockMs: null, key: null, inbox: null, effects: null,
  encoded: [{ text: '{}', recorded: { streamId: 'account-1', version: 4, position: 0n, eventId: '0', type: 't', schemaVersion: 1, data: {}, metadata: { correlationId: 'c', actor: 'a' }, recordedAtMs: 0 } }],
};

/** What a server says in its own language. */
function said(severity: string, code: string): Error {
  return Object.assign(new pg.DatabaseError('…', 1, 'error'), { severity, code });
}

/** The outcome where the first statement fails so and the one that goes alone answers. */
async function outcomeAfter(failure: Error): Promise<unknown> {
  const statements: string[] = [];
  const query = async ({ name }: { name: string }): Promise<{ rows: unknown[]; rowCount: number }> => {
    statements.push(name);
    if (name !== 'es-append') throw failure;
    return { rows: [{ status: 'conflict', version: 5 }], rowCount: 1 };
  };
  const pool = { options: { max: 4 }, query } as unknown as pg.Pool;
  return GroupCommit.of(pool).commit(append).catch((error: unknown) => (error === failure ? statements : error));
}

describe('a group that failed', () => {
  test('is written append by append where the statement was refused, in whatever language', async () => {
    expect(await outcomeAfter(said('ERROR', '23505'))).toEqual({ status: 'conflict', version: 5 });
    expect(await outcomeAfter(said('FEHLER', '57014'))).toEqual({ status: 'conflict', version: 5 });
  });

  test.each([['FATAL', '57P01'], ['FATAL', '08P01'], ['ERROR', '58030'], ['PANIC', 'XX000'], ['FATAL', '25P04']])('fails where nobody knows what became of it: %s %s', async (severity, code) => {
    expect(await outcomeAfter(said(severity, code))).toEqual(['es-append-exact']);
  });

  test('fails where the connection broke, whatever its code looks like', async () => {
    expect(await outcomeAfter(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toEqual(['es-append-exact']);
  });
});
