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

/** A pool whose streams are locked by somebody else until they are let go; it counts the statements under way. */
class LockedPool {
  readonly options: { max: number };
  underWay = 0;
  most = 0;
  #let: (() => void)[] = [];

  constructor(max: number) {
    this.options = { max };
  }

  readonly query = async ({ name }: { name: string }): Promise<{ rows: unknown[]; rowCount: number }> => {
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    if (name === 'es-append') await new Promise<void>((resolve) => this.#let.push(resolve));
    this.underWay -= 1;
    return name === 'es-append' ? { rows: [{ status: 'appended', version: 4 }], rowCount: 1 } : { rows: [], rowCount: 0 };
  };

  /** Ends the statement that has waited longest, if one does. */
  letOneGo(): void {
    this.#let.shift()?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('appends that go alone', () => {
  test.each([[8, 6], [4, 2], [2, 1], [1, 1]])('of %i connections they use %i, and none of them is forgotten', async (max, most) => {
    const pool = new LockedPool(max);
    const outcomes: unknown[] = [];
    for (let index = 0; index < 10; index += 1) {
      void GroupCommit.of(pool as unknown as pg.Pool).commit({ ...append, streamId: `account-${index}` }).then((outcome) => outcomes.push(outcome));
      await turn();
    }
    for (let turns = 0; turns < 30; turns += 1) await turn();
    expect([pool.underWay, outcomes]).toEqual([most, []]);
    for (let turns = 0; turns < 200 && outcomes.length < 10; turns += 1) {
      pool.letOneGo();
      await turn();
    }
    expect(outcomes).toHaveLength(10);
    expect([pool.underWay, pool.most]).toEqual([0, Math.min(most + 1, Math.max(1, max - 1))]);
  });
});
