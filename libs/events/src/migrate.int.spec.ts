import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, migrate } from './migrate.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
});
afterAll(() => db.drop());

test('what was applied is not applied again', async () => {
  expect(await migrate(db.ownerPool, [eventsMigrations])).toEqual([]);
});

test('a changed file is refused', async () => {
  await db.ownerPool.query(`UPDATE es_migration SET sha256 = 'other'`);
  await expect(migrate(db.ownerPool, [eventsMigrations])).rejects.toThrow('was changed after it had been applied');
});
