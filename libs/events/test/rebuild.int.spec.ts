import { eventually, freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  compareProjection, eventsMigrations, EventStore, listProjections, projectionSink, readRebuild, rebuildProjection, RebuildWorker, startRebuild, Subscription, type RebuildProgress,
} from '../src/index.js';
import { deposited, metadata, withdrawn } from './account.js';
import { balances } from './balances.js';

let db: TestDatabase;
let store: EventStore;
const running: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((part) => part.stop()));
  await store.close();
  await db.drop();
});

const ignore = (): void => undefined;
const write = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await store.append(`account-${n % 5}`, 'any', [deposited(3n), withdrawn(1n)], metadata);
};
const fill = (events: number): Promise<unknown> =>
  db.ownerPool.query(`SELECT es_append('account-' || n % 7, -1, ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 200) WHERE n > 0), array_fill('skein.test.account.deposited.v1'::text, ARRAY[200]),
    array_fill(1, ARRAY[200]), array_fill('{"amount":"1n"}'::text, ARRAY[200]), $1, NULL, NULL, NULL, NULL) FROM generate_series(1, $2) n`, [JSON.stringify(metadata), events / 200]);
const subscribe = async (version = 1, over = store): Promise<Subscription> => {
  const subscription = new Subscription({ store: over, sink: projectionSink(over, balances(version)), onError: ignore, leaseMs: 3_000 });
  running.push(subscription);
  await subscription.start();
  return subscription;
};
const worker = async (version = 1): Promise<RebuildWorker> => {
  const made = new RebuildWorker({ store, projections: [balances(version)], onError: ignore });
  running.push(made);
  await made.start();
  return made;
};
const schemas = async (): Promise<unknown[]> => (await db.appPool.query<{ nspname: string }>(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'balances%' ORDER BY nspname`)).rows.map(({ nspname }) => nspname);

test('asked for by anybody, done by a worker while writes and the live one go on; the record says how far it is, exactly', async () => {
  const live = await subscribe();
  await write(20);
  await live.catchUp();
  await eventually(async () => expect((await listProjections(db.appPool, [balances()]))[0]).toMatchObject({ name: 'balances', version: 1, declaredVersion: 1, state: 'current', position: 40n, head: 40n, lag: 0n, active: true, rebuild: undefined }));
  expect(await startRebuild(db.appPool, balances())).toMatchObject({ state: 'asked', version: undefined, built: 0n, head: 40n, lag: 40n, remainingMs: undefined });
  await db.appPool.query(`INSERT INTO balances.balance VALUES ('account-wrong', 1, 1)`);
  await worker();
  await write(10);
  await eventually(async () => expect(await readRebuild(db.appPool, 'balances')).toMatchObject({ state: 'done', version: 1, lag: 0n, remainingMs: 0, error: undefined }));
  await write(10);
  await live.catchUp();
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: 80n });
  expect(await schemas()).toEqual(['balances']);
  const [info] = await listProjections(db.appPool, [balances()]);
  expect(info).toMatchObject({ position: 80n, lag: 0n, rebuild: { state: 'done', startedAtMs: expect.any(Number), finishedAtMs: expect.any(Number) } });
});

test('asked for again once it is done, joined while it is under way', async () => {
  await (await subscribe()).catchUp();
  const first = await startRebuild(db.appPool, balances());
  expect(await startRebuild(db.appPool, balances())).toEqual(first);
  await worker();
  await eventually(async () => expect((await readRebuild(db.appPool, 'balances'))?.state).toBe('done'));
  expect(await startRebuild(db.appPool, balances())).toMatchObject({ state: 'asked' });
  await eventually(async () => expect((await readRebuild(db.appPool, 'balances'))?.state).toBe('done'));
});

test('progress counts down while events are applied, and the store is told at the end', async () => {
  await fill(600);
  await (await subscribe()).catchUp();
  const seen: RebuildProgress[] = [];
  const told: RebuildProgress[] = [];
  const looks: Promise<unknown>[] = [];
  await rebuildProjection(store, balances(), {
    onProgress: (progress) => void told.push(progress),
    onStep: (step) => void (step === 'batch' && looks.push(readRebuild(db.appPool, 'balances').then((progress) => progress && seen.push(progress)))),
  });
  await Promise.all(looks);
  expect(seen.length).toBeGreaterThan(1);
  for (const { built, head, lag, state } of seen) expect([head, lag]).toEqual([600n, state === 'done' ? 0n : 600n - built]);
  expect(told.at(-1)).toMatchObject({ state: 'done', built: 600n });
  expect(told.at(-1)?.eventsPerSecond).toBeGreaterThan(0);
});

test('kill -9 at any step: the live tables stay whole, and the next one goes on and ends it', async () => {
  await fill(600);
  await (await subscribe()).catchUp();
  const child = new URL('./rebuild-child.ts', import.meta.url);
  let version = 1;
  const expected: Record<string, [string, number]> = { batch: ['building', 1], built: ['building', 1], switching: ['switching', 1], switched: ['done', 2] };
  for (const [step, at] of [['batch', 1], ['built', 1], ['switching', 1], ['switched', 1]] as const) {
    version += 1;
    const victim = spawnTs(child, [db.appUrl, String(version), step, String(at)]);
    expect(await victim.ended, victim.stderr()).toBe('SIGKILL');
    const record = await readRebuild(db.appPool, 'balances');
    expect([step, record?.state]).toEqual([step, expected[step]?.[0]]);
    if (step === 'batch') expect(record?.built).toBe(500n * BigInt(at));
    const live = await db.appPool.query<{ units: string }>('SELECT sum(units) AS units FROM balances.balance');
    expect(live.rows[0]?.units).toBe('600');
    const next = spawnTs(child, [db.appUrl, String(version)]);
    await next.line((line) => line === 'complete');
    expect((await listProjections(db.appPool, [balances(version)]))[0]).toMatchObject({ version, state: 'current', position: 600n });
    expect(await schemas()).toEqual(['balances']);
  }
  expect(await compareProjection(store, balances(version))).toMatchObject({ equal: true });
}, 300_000);

test('two at once: one builds, the other waits for it and leaves it at that', async () => {
  await fill(600);
  await (await subscribe()).catchUp();
  const batches = [0, 0];
  const both = [0, 1].map((at) => rebuildProjection(store, balances(2), { resume: true, onStep: (step) => void (step === 'batch' && (batches[at]! += 1)) }));
  expect((await Promise.all(both)).map(({ position }) => position)).toEqual([600n, 600n]);
  expect(batches.filter((count) => count > 0)).toHaveLength(1);
  expect(await compareProjection(store, balances(2))).toMatchObject({ equal: true, position: 600n });
});

test('an older program that still delivers to version 1 is not disturbed while version 2 is built, and never writes into it', async () => {
  const older = await subscribe(1);
  await write(10);
  await older.catchUp();
  const newer = new EventStore({ pool: db.appPool });
  const [standby, rebuilds] = [await subscribe(2, newer), await worker(2)];
  let writing = true;
  const writer = (async () => {
    while (writing) {
      await write(3);
      await new EventStore({ pool: db.appPool }).headPosition();
    }
  })();
  await eventually(async () => expect((await listProjections(db.appPool, [balances(2)]))[0]).toMatchObject({ version: 2, state: 'current' }));
  writing = false;
  await writer;
  // Whichever of the two gets the lease first: the older one gives it back.
  await eventually(() => expect([older.status().active, standby.status().active]).toEqual([false, true]));
  await eventually(() => expect(older.ready()).toBe(false));
  await standby.catchUp();
  await eventually(() => expect(standby.ready()).toBe(true));
  expect(await compareProjection(store, balances(2))).toMatchObject({ equal: true, position: await store.headPosition() });
  await rebuilds.stop();
  await expect(rebuildProjection(store, balances(1))).rejects.toThrow('newer than 1');
  expect(await compareProjection(store, balances(2))).toMatchObject({ equal: true });
});

test('a rebuild that fails says why, keeps the live tables, and is tried again', async () => {
  await write(5);
  await (await subscribe()).catchUp();
  let broken = true;
  const projection = balances(2);
  const failing = { ...projection, apply: async (...args: Parameters<typeof projection.apply>) => {
    if (broken) throw new Error('cannot read this');
    await projection.apply(...args);
  } };
  const made = new RebuildWorker({ store, projections: [failing], onError: ignore });
  running.push(made);
  await made.start();
  await eventually(async () => expect(await readRebuild(db.appPool, 'balances')).toMatchObject({ state: 'failed', error: 'cannot read this' }));
  expect((await listProjections(db.appPool, [projection]))[0]).toMatchObject({ version: 1, state: 'outdated' });
  broken = false;
  await eventually(async () => expect((await listProjections(db.appPool, [projection]))[0]).toMatchObject({ version: 2, state: 'current', rebuild: { state: 'done', error: undefined } }));
});
