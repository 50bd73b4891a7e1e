import { upcasterChain } from '@skein/kernel';
import { EventStore, isRetriable, type Projection } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normaliseError } from '../src/errors/normalise.js';
import { bootService, EVENT_STORE, migrationsOf, type RunningService, type ServiceDefinition } from '../src/index.js';
import { definition, settingsFor } from './harness.js';
import { Probe } from './note-api.js';

const NOTED = 'skein.test.note.noted.v1';
const metadata = { correlationId: 'c', actor: 'test' };
let db: TestDatabase;
const running: RunningService[] = [];
beforeAll(async () => {
  db = await freshDatabase(...migrationsOf(definition(new Probe())));
});
afterAll(async () => {
  await Promise.all(running.map((service) => service.close()));
  await db.drop();
});

const notes = (version: number): Projection => ({
  name: 'notes', version, tables: 'CREATE TABLE note (position bigint PRIMARY KEY, build int NOT NULL)',
  apply: async (tx, { position }) => void (await tx.query('INSERT INTO note VALUES ($1, $2)', [position.toString(), version])),
});
const program = (more: Partial<ServiceDefinition>): ServiceDefinition => ({ ...definition(new Probe()), projections: [notes(1)], ...more });
async function boot(more: Partial<ServiceDefinition>): Promise<RunningService> {
  const service = await bootService(program(more), 'all', settingsFor(db.appUrl));
  running.push(service);
  return service;
}
const builds = async (): Promise<number[]> => (await db.appPool.query<{ build: number }>('SELECT DISTINCT build FROM notes.note')).rows.map(({ build }) => build);

describe('two programs of one service, the newer one started while the older one runs', () => {
  test('the newer one builds its read models beside the live ones, which go on; the switch makes the older one stand aside', async () => {
    const store = new EventStore({ pool: db.appPool });
    for (let n = 0; n < 30; n += 1) await store.append(`note-${n}`, 'none', [{ type: NOTED, data: { n } }], metadata);
    const older = await boot({});
    await eventually(async () => expect(await older.ready()).toBe(true));
    await eventually(async () => expect(await builds()).toEqual([1]));
    const newer = await boot({ projections: [notes(2)] });
    await eventually(async () => expect(await builds()).toEqual([2]));
    await eventually(async () => expect(await newer.ready()).toBe(true));
    await store.append('note-31', 'none', [{ type: NOTED, data: { n: 31 } }], metadata);
    await eventually(async () => expect((await db.appPool.query('SELECT FROM notes.note')).rowCount).toBe(31));
    expect(await builds()).toEqual([2]);
    await eventually(async () => expect(await older.ready()).toBe(false));
  });

  test('what the newer one has written stops an older one at its start, by name, before it listens or writes', async () => {
    const lift = upcasterChain([{ type: NOTED, from: 1, lift: (data) => ({ text: String((data as { n: number }).n) }) }]);
    const store = new EventStore({ pool: db.appPool, upcasters: lift });
    await store.append('note-lifted', 'none', [{ type: NOTED, data: { text: 'a' } }], metadata);
    const before = (await db.ownerPool.query('SELECT * FROM es_subscription ORDER BY name')).rows.length;
    for (const role of ['api', 'worker', 'all'] as const)
      await expect(bootService(program({ projections: [{ ...notes(1), name: 'unborn' }] }), role, settingsFor(db.appUrl))).rejects.toThrow(
        `stream note-lifted holds an event ${NOTED} of schema version 2; this program knows versions up to 1`);
    expect((await db.ownerPool.query('SELECT * FROM es_subscription ORDER BY name')).rows).toHaveLength(before);
    await boot({ projections: [notes(2)], upcasters: lift });
  });

  test('what the newer one writes makes the older one stand aside and say why; what waits for it may be tried again', async () => {
    const step = { type: NOTED, from: 1, lift: (data: unknown) => data };
    const older = await boot({ projections: [], upcasters: upcasterChain([step]) });
    const newer = await boot({ projections: [], upcasters: upcasterChain([step, { ...step, from: 2 }]) });
    await eventually(async () => expect([await older.ready(), await newer.ready()]).toEqual([true, true]));
    await newer.get<EventStore>(EVENT_STORE).append('note-newer', 'none', [{ type: NOTED, data: {} }], metadata);
    await eventually(async () => expect(await older.ready()).toBe(false));
    const answer = await fetch(`http://127.0.0.1:${older.http.port}/health/ready`);
    expect([answer.status, await answer.json()]).toMatchObject([503, { waiting: ['newer-events'] }]);
    const failure = await older.get<EventStore>(EVENT_STORE).readStream('note-newer').catch((error: unknown) => error);
    expect([isRetriable(failure), normaliseError(failure).error.rejection]).toMatchObject([true, { code: 'unavailable', retriable: true }]);
    expect(await newer.ready()).toBe(true);
  });
});
