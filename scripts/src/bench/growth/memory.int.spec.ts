import { freshDatabase } from '@skein/testing';
import { expect, test } from 'vitest';
import { heapBytes, memoryOf, ownKiB } from './memory.js';

test('what a client keeps, and what its database keeps for it, are both seen and not mixed up', async () => {
  const database = await freshDatabase();
  try {
    const before = await memoryOf(database.appPool);
    const kept = Array.from({ length: 100_000 }, (_, at) => ({ at: `event ${at}` }));
    const larger = await memoryOf(database.appPool);
    expect(larger.heapMiB - before.heapMiB).toBeGreaterThan(5);
    expect(larger.backendsMiB - before.backendsMiB).toBeLessThan(5);
    expect(kept).toHaveLength(100_000);
    // A backend of this database that holds 30 MB of its own.
    const client = await database.appPool.connect();
    await client.query(`SET work_mem = '256MB'; BEGIN; DECLARE held CURSOR FOR SELECT repeat(n::text, 20) AS word FROM generate_series(1, 300000) AS n ORDER BY 1; FETCH 1 FROM held`);
    const backends = await memoryOf(database.appPool);
    await client.query('ROLLBACK');
    client.release();
    expect(backends.backendsMiB - larger.backendsMiB).toBeGreaterThan(10);
  } finally {
    await database.drop();
  }
});

test('another database is not counted', async () => {
  const [ours, theirs] = [await freshDatabase(), await freshDatabase()];
  try {
    const before = (await memoryOf(ours.appPool)).backendsMiB;
    const client = await theirs.appPool.connect();
    await client.query(`SET work_mem = '256MB'; BEGIN; DECLARE held CURSOR FOR SELECT repeat(n::text, 20) AS word FROM generate_series(1, 300000) AS n ORDER BY 1; FETCH 1 FROM held`);
    expect((await memoryOf(ours.appPool)).backendsMiB - before).toBeLessThan(5);
    await client.query('ROLLBACK');
    client.release();
  } finally {
    await Promise.all([ours.drop(), theirs.drop()]);
  }
});

test('a process that has ended has none', () => {
  expect(ownKiB(2 ** 30)).toBe(0);
  expect(ownKiB(process.pid)).toBeGreaterThan(1_000);
  expect(heapBytes()).toBeGreaterThan(1_000_000);
});
