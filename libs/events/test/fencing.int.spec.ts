import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventStore, eventsMigrations, type Executed } from '../src/index.js';
import { account, metadata, type AccountCommand, type AccountEvent } from './account.js';

// Two members of a consumer group that both believe to hold a partition give the same commands with the same inbox ids: the one
// that is late must change nothing, wherever between loading and appending it was held up.

let db: TestDatabase;
let stores: EventStore[];
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  stores = [0, 1].map(() => new EventStore({ pool: db.appPool }));
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await db.drop();
});

const MESSAGES = [0, 1, 2, 3];

test('commands of overlapping members take effect once each and in the order of their messages', async () => {
  let run = 0;
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.boolean(), async (scheduler, oneStream) => {
    run += 1;
    const streamOf = (n: number): string => `account-${run}-${oneStream ? 0 : n % 2}`;
    const member = async (store: EventStore, name: number): Promise<number> => {
      let duplicates = 0;
      for (const n of MESSAGES) {
        const done = await store.execute<{ balance: bigint }, AccountCommand, AccountEvent>({
          decider: account, streamId: streamOf(n), metadata, inbox: { consumer: `run-${run}`, messageId: `m${n}` },
          command: async () => scheduler.schedule(Promise.resolve({ change: BigInt(n + 1) }), `${name} decides ${n}`),
        });
        expect(done.ok).toBe(true);
        if (done.ok && (done.value satisfies Executed<undefined>).duplicate) duplicates += 1;
      }
      return duplicates;
    };
    const duplicates = await scheduler.waitFor(Promise.all(stores.map((store, at) => member(store, at))));
    expect(duplicates[0]! + duplicates[1]!).toBe(MESSAGES.length);
    const { rows } = await db.appPool.query<{ amount: string }>(`SELECT data->>'amount' AS amount FROM es_event WHERE stream_id LIKE $1 ORDER BY seq`, [`account-${run}-%`]);
    expect(rows.map(({ amount }) => Number(amount.replace(/\D/g, '')))).toEqual([1, 2, 3, 4]);
  }), { numRuns: 25 });
});
