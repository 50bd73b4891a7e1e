import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { startPostgres, type EmbeddedPostgres } from '@skein/embedded';
import { EventStore, eventsMigrations, inboxOnce, migrate } from '@skein/events';
import { eventually } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { onMessage } from '../src/consumer.types.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { Relay } from '../src/relay.js';
import { NOTED, notePublication, takeNotes, TOPIC } from './support/source.js';

const ignored = (): void => undefined;
let dataDir: string;
let server: EmbeddedPostgres;
const pools: pg.Pool[] = [];
const poolOf = (connectionString: string): pg.Pool => {
  const pool = new pg.Pool({ connectionString, max: 4 });
  pool.on('error', ignored);
  pools.push(pool);
  return pool;
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-crash-'));
  server = await startPostgres({ dataDir });
});

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function database(name: string, ...migrations: URL[]): Promise<{ appUrl: string; ownerPool: pg.Pool }> {
  const { ownerUrl, appUrl } = await server.createDatabase(name);
  const ownerPool = poolOf(ownerUrl);
  await migrate(ownerPool, migrations);
  return { appUrl, ownerPool };
}

it('kills a server that keeps what it has acknowledged', async () => {
  const { rows } = await poolOf(server.adminUrl).query(`SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name`);
  expect(rows).toEqual(['fsync', 'full_page_writes', 'synchronous_commit'].map((name) => ({ name, setting: 'on' })));
});

it('relay, log and consumer go on after PostgreSQL was killed under them, without a gap or a repeated effect', async () => {
  const source = await database('source', eventsMigrations);
  const logDatabase = await database('event_log', eventLogMigrations);
  const target = await database('target', eventsMigrations, messagingMigrations);
  await target.ownerPool.query('CREATE TABLE effects (n serial, stream text, version int); GRANT SELECT, INSERT ON effects TO PUBLIC; GRANT USAGE ON SEQUENCE effects_n_seq TO PUBLIC');
  const store = new EventStore({ pool: poolOf(source.appUrl), onError: ignored });
  const log = new EmbeddedEventLog({ url: logDatabase.appUrl, leaseMs: 1_500, pollMs: 300, onError: ignored });
  await log.createTopics([{ topic: TOPIC, partitions: 3, retention: 'infinite' }]);
  const targetPool = poolOf(target.appUrl);
  const consumer = await startConsumer({
    log, pool: targetPool, group: 'target', policy: 'stop', timing: { backoffMaxMs: 200 },
    handlers: [onMessage({
      topic: TOPIC, type: NOTED, schema: StringValueSchema,
      handle: (_note, { inbox, streamId, streamVersion }) => inboxOnce(targetPool, inbox, async (tx) => void (await tx.query('INSERT INTO effects (stream, version) VALUES ($1, $2)', [streamId, streamVersion]))),
    })],
  });
  const relay = new Relay({ store, log, publications: [notePublication], batchSize: 5, leaseMs: 1_500, pollMs: 100, onError: ignored });
  await relay.start();

  for (let kill = 0; kill < 2; kill++) {
    await takeNotes(store, 30, 4);
    await eventually(async () => expect((await targetPool.query('SELECT 1 FROM effects')).rowCount).toBeGreaterThan(kill * 30));
    const { port, pid, exited } = server;
    process.kill(pid, 'SIGKILL');
    await exited;
    server = await startPostgres({ dataDir, port });
  }
  await eventually(() => takeNotes(store, 1, 1), { timeoutMs: 20_000 });
  await eventually(async () => expect((await relay.lag()).get('notes')).toBe(0n), { timeoutMs: 20_000 });
  await eventually(async () => expect([consumer.state(), consumer.reason(), (await log.lag('target')).filter(({ lag }) => lag > 0n)]).toEqual(['running', undefined, []]), { timeoutMs: 20_000 });
  await consumer.stop();
  await relay.stop();

  // By version: it tells a gap, a repetition and a wrong order apart, which the notes' texts do not.
  const { rows } = await targetPool.query<{ stream: string; version: number }>('SELECT stream, version FROM effects ORDER BY n');
  for (let stream = 0; stream < 4; stream++) {
    const recorded = (await store.readStream(`note-${stream}`)).filter(({ type }) => type === NOTED);
    expect(rows.filter((row) => row.stream === `note-${stream}`).map(({ version }) => version)).toEqual(recorded.map(({ version }) => version));
  }
  await log.close();
  await store.close();
});
