import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually, freshDatabase } from '@skein/testing';
import { expect, it } from 'vitest';
import { eventsMigrations, migrate } from '../src/migrate.js';

it('a log that is being written to is migrated: an append under way ends first, and neither is given up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-migrations-'));
  for (const name of (await readdir(eventsMigrations)).filter((file) => file < '0008')) await cp(new URL(name, eventsMigrations), join(folder, name));
  const database = await freshDatabase(pathToFileURL(`${folder}/`));
  const writer = await database.ownerPool.connect();
  try {
    await writer.query('BEGIN');
    await writer.query('SELECT count(*) FROM es_event');
    const migrated = migrate(database.ownerPool, [eventsMigrations]);
    migrated.catch(() => undefined);
    // It waits for the writer by now, with or without locks of its own.
    await eventually(async () => expect((await writer.query('SELECT FROM pg_locks WHERE NOT granted')).rowCount).toBeGreaterThan(0));
    await writer.query('LOCK TABLE es_event IN ROW EXCLUSIVE MODE');
    await writer.query('COMMIT');
    expect(await migrated).toContain('0009_first_of_append.sql');
  } finally {
    writer.release();
    await database.drop();
    await rm(folder, { recursive: true });
  }
});
