import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventStore, eventsMigrations, guardPool, inboxOnce, inTransaction, isTransient } from '../src/index.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  await db.ownerPool.query('CREATE TABLE effect (id int PRIMARY KEY); GRANT SELECT, INSERT ON effect TO PUBLIC');
});
afterAll(() => db.drop());

const farewell = (): Error => Object.assign(new Error('terminating connection due to unexpected postmaster exit'), { code: '57P01' });

/** Loses the next connection that the pool hands out in the very moment it is handed out; true where nobody had listened. */
function loseNext(pool: TestDatabase['appPool']): Promise<boolean> {
  return new Promise((resolve) =>
    pool.once('acquire', (client) =>
      // After the pool has stopped listening, before a promise of it can arrive: where the rest of the packet is read.
      queueMicrotask(() => {
        try {
          resolve(!client.emit('error', farewell()));
        } catch {
          resolve(true);
        }
      }),
    ),
  );
}

test('a connection that is lost while it is handed out does not end the process, and is not used again', async () => {
  const unheard = loseNext(db.appPool);
  await inTransaction(db.appPool, async (tx) => void (await tx.query('INSERT INTO effect VALUES (1)')));
  expect(await unheard).toBe(false);
  expect(db.appPool.idleCount).toBe(0);
});

test('nor do connections that others hold without listening, once a store works on their pool', async () => {
  const fresh = await freshDatabase(eventsMigrations);
  const store = new EventStore({ pool: fresh.appPool });
  guardPool(fresh.appPool);
  const client = await fresh.appPool.connect();
  expect(client.listenerCount('error')).toBe(1);
  expect(client.emit('error', farewell())).toBe(true);
  client.release(true);
  await store.close();
  await fresh.drop();
});

test('an effect that swallows the failure of a statement is no success: neither it nor its inbox row is there, and it can be repeated', async () => {
  const entry = { consumer: 'c', messageId: 'swallowed' };
  const swallowing = inboxOnce(db.appPool, entry, async (tx) => {
    await tx.query('INSERT INTO effect VALUES (2)');
    await tx.query('INSERT INTO effect VALUES (2)').catch(() => undefined);
  });
  await expect(swallowing).rejects.toThrow('rolled back');
  expect(await inboxOnce(db.appPool, entry, async (tx) => void (await tx.query('INSERT INTO effect VALUES (2)')))).toBe(true);
  expect((await db.appPool.query('SELECT id FROM effect WHERE id = 2')).rowCount).toBe(1);
});

test('a connection found dead at its first query is a failure that passes', () => {
  expect(isTransient(new Error('Client has encountered a connection error and is not queryable'))).toBe(true);
  expect(isTransient(new Error('a handler is broken'))).toBe(false);
});
