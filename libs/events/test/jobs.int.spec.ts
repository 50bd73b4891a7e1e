import { RejectionError } from '@skein/kernel';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventsMigrations, EventStore, inboxOnce, JobWorker, readJob, TimerWorker, type DueTimer, type Effect, type Job, type JobWorkerOptions } from '../src/index.js';
import { account, metadata } from './account.js';

let db: TestDatabase;
let store: EventStore;
let workers: { stop(): Promise<void> }[];
let reported: string[];
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
  workers = [];
  reported = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await store.close();
  await db.drop();
});

const report = (error: unknown): void => void reported.push(String(error));
async function effects(...list: Effect[]): Promise<void> {
  await store.execute({ decider: account, streamId: 'account-effects', metadata, command: () => ({ change: 1n }), effects: () => list });
}
async function work(handle: JobWorkerOptions['handle'], options: Partial<JobWorkerOptions> = {}): Promise<JobWorker> {
  const worker = new JobWorker({ pool: db.appPool, kind: 'score', retryMs: 1, onError: report, handle, ...options });
  workers.push(worker);
  await worker.start();
  return worker;
}
const job = (id: string, payload: unknown = null): Effect => ({ job: { id, kind: 'score', payload } });

describe('jobs', () => {
  test('are done once each, by many workers, woken by the event that asks for them', async () => {
    const done: string[] = [];
    for (let n = 0; n < 4; n += 1) await work(async ({ id }) => void done.push(id), { pollMs: 60_000, concurrency: 3 });
    const ids = Array.from({ length: 40 }, (_, n) => `job-${n}`);
    for (const id of ids) await effects(job(id), job(id));
    await eventually(() => expect(done).toHaveLength(40));
    expect(done.sort()).toEqual(ids.sort());
    await eventually(async () => expect((await db.appPool.query(`SELECT DISTINCT state, attempts FROM es_job`)).rows).toEqual([{ state: 'done', attempts: 1 }]));
  });

  test('of several tenants are taken in turns, however long the backlog of one is', async () => {
    const of = (tenant: string, n: number): Effect => job(`${tenant}-${n}`, { tenant });
    await effects(...[1, 2, 3, 4, 5, 6].map((n) => of('noisy', n)));
    await effects(of('quiet', 1), of('other', 1), of('quiet', 2));
    const order: string[] = [];
    await work(async ({ id }) => void order.push(id));
    await eventually(() => expect(order).toHaveLength(9));
    expect(order.slice(0, 3)).toEqual(['noisy-1', 'other-1', 'quiet-1'].toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
    expect(order.indexOf('quiet-2')).toBeLessThanOrEqual(5);
    expect(order.filter((id) => id.startsWith('noisy'))).toEqual([1, 2, 3, 4, 5, 6].map((n) => `noisy-${n}`));
  });

  test('free places go to different tenants first', async () => {
    await effects(...[1, 2, 3].map((n) => job(`noisy-${n}`, { tenant: 'noisy' })), job('quiet-1', { tenant: 'quiet' }), job('alone-1'));
    const begun: string[] = [];
    await work(({ id }, { signal }) => {
      begun.push(id);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    }, { concurrency: 3, drainMs: 0 });
    await eventually(() => expect(begun).toHaveLength(3));
    expect(begun.map((id) => id.split('-')[0]).sort()).toEqual(['alone', 'noisy', 'quiet']);
  });

  test('a deadline that has passed keeps a job from its handler, one that passes ends it; both are done', async () => {
    const nowMs = Number((await db.appPool.query<{ ms: string }>('SELECT es_now_ms() AS ms')).rows[0]?.ms);
    await effects(job('late', { deadlineMs: nowMs - 1 }), job('slow', { deadlineMs: nowMs + 1_500 }), job('fine', { deadlineMs: nowMs + 600_000 }), job('far', { deadlineMs: nowMs + 1e12 }));
    const begun: string[] = [];
    const ended: string[] = [];
    await work(({ id }, { signal }) => {
      begun.push(id);
      if (id !== 'slow') return Promise.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => {
        ended.push(id);
        reject(signal.reason as Error);
      }));
    }, { concurrency: 4 });
    await eventually(async () => expect(await Promise.all(['late', 'slow', 'fine', 'far'].map(async (id) => (await readJob(db.appPool, id))?.state))).toEqual(['done', 'done', 'done', 'done']));
    expect([begun.sort(), ended]).toEqual([['far', 'fine', 'slow'], ['slow']]);
    expect((await readJob(db.appPool, 'late'))?.error).toBe('its deadline had passed before it began');
    expect((await readJob(db.appPool, 'slow'))?.error).toBe('its deadline passed');
    expect(reported).toEqual([]);
  });

  test('a failing job is retried with its progress and given up after its attempts', async () => {
    const seen: Job[] = [];
    await work(async (given, { heartbeat }) => {
      seen.push(given);
      await heartbeat({ step: BigInt(given.attempts) });
      throw new Error('no luck');
    }, { maxAttempts: 3, pollMs: 5 });
    await effects(job('job-f', { rows: 10n }));
    await eventually(async () => expect(await readJob(db.appPool, 'job-f')).toMatchObject({ state: 'failed', attempts: 3, error: 'no luck', progress: { step: 3n } }));
    expect(seen.map(({ attempts, progress, payload }) => [attempts, progress, payload])).toEqual([
      [1, undefined, { rows: 10n }], [2, { step: 1n }, { rows: 10n }], [3, { step: 2n }, { rows: 10n }],
    ]);
  });

  test('failures that pass by themselves do not count: such a job is retried without end, and has all its attempts for others', async () => {
    const attempts: number[] = [];
    await effects(job('job-patient'), job('job-stuck'));
    const outages = [Object.assign(new Error('no server'), { code: 'ECONNREFUSED' }), new RejectionError({ code: 'unavailable', rule: 'away', message: 'away' }), new Error('outer', { cause: Object.assign(new Error('full'), { code: '53100' }) })];
    await work(async ({ id, attempts: attempt }) => {
      if (id === 'job-stuck') throw attempt <= 4 ? outages[0] : new Error('broken');
      attempts.push(attempt);
      if (attempt <= 9) throw outages[attempt % 3];
    }, { maxAttempts: 2, pollMs: 5 });
    await eventually(async () => expect(await readJob(db.appPool, 'job-patient')).toMatchObject({ state: 'done', attempts: 10 }));
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await eventually(async () => expect(await readJob(db.appPool, 'job-stuck')).toMatchObject({ state: 'failed', attempts: 6, error: 'broken' }));
  });

  test('a dead worker\'s job is taken over after its lease, and its late end counts for nothing', async () => {
    let letGo = (): void => undefined;
    const hung = new Promise<void>((resolve) => (letGo = resolve));
    let aborted = false;
    await effects(job('job-hung'));
    const dead = await work(async (_, { signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      await hung;
    }, { leaseMs: 60_000 });
    await eventually(async () => expect(await readJob(db.appPool, 'job-hung')).toMatchObject({ attempts: 1 }));
    const attempts: number[] = [];
    await work(async (given) => void attempts.push(given.attempts), { pollMs: 5 });
    // The lease's end, as the database's clock will bring it.
    await db.appPool.query(`UPDATE es_job SET available_at = clock_timestamp()`);
    await eventually(async () => expect(await readJob(db.appPool, 'job-hung')).toMatchObject({ state: 'done', attempts: 2 }));
    letGo();
    await dead.stop();
    expect(attempts).toEqual([2]);
    expect(aborted).toBe(false);
    expect(await readJob(db.appPool, 'job-hung')).toMatchObject({ state: 'done', attempts: 2, error: undefined });
  });

  test('a lease is renewed while its worker lives, and a process that is gone is replaced at once', async () => {
    let letGo = (): void => undefined;
    const slow = new Promise<void>((resolve) => (letGo = resolve));
    const done: string[] = [];
    await effects(job('job-slow'), job('job-gone'));
    await db.appPool.query(`UPDATE es_job SET available_at = clock_timestamp() + interval '1 hour', lease_token = gen_random_uuid(), lease_pid = 999999999, lease_pid_started = clock_timestamp() WHERE id = 'job-gone'`);
    const handle: JobWorkerOptions['handle'] = async ({ id, attempts }) => {
      if (id === 'job-slow' && attempts === 1) await slow;
      done.push(`${id} ${attempts}`);
    };
    await work(handle, { leaseMs: 1_500, pollMs: 5 });
    await work(handle, { leaseMs: 1_500, pollMs: 5 });
    await eventually(() => expect(done).toEqual(['job-gone 1']));
    const renewed = async (): Promise<number> => Number((await db.appPool.query(`SELECT extract(epoch FROM available_at) AS at FROM es_job WHERE id = 'job-slow'`)).rows[0]?.at);
    const before = await renewed();
    await eventually(async () => expect(await renewed()).toBeGreaterThan(before + 0.2));
    letGo();
    await eventually(() => expect(done).toEqual(['job-gone 1', 'job-slow 1']));
  });

  test('a worker that has to stop aborts and gives its job back', async () => {
    await effects(job('job-long'));
    const worker = await work((_, { signal }) => new Promise((_resolve, rejectWork) => signal.addEventListener('abort', () => rejectWork(new Error('stopped')))), { drainMs: 1 });
    await eventually(async () => expect(await readJob(db.appPool, 'job-long')).toMatchObject({ attempts: 1 }));
    await worker.stop();
    expect(await readJob(db.appPool, 'job-long')).toMatchObject({ state: 'open' });
    const done: string[] = [];
    // A stop is no failure of the job: the one attempt is still its own.
    await work(async ({ id }) => void done.push(id), { maxAttempts: 1 });
    await eventually(() => expect(done).toEqual(['job-long']));
  });
});

describe('timers', () => {
  const timer = (id: string, dueAtMs: number, payload: unknown = null): Effect => ({ timer: { id, kind: 'deadline', dueAtMs, payload } });
  const databaseMs = async (): Promise<number> => Number((await db.appPool.query('SELECT es_now_ms() AS ms')).rows[0]?.ms);
  async function fire(handle: (timer: DueTimer) => Promise<void>): Promise<void> {
    const worker = new TimerWorker({ pool: db.appPool, retryMs: 1, pollMs: 20, onError: report, handlers: { deadline: handle } });
    workers.push(worker);
    await worker.start();
  }

  test('fire by the database\'s clock, never early, once, and not when cancelled, replaced or of another kind', async () => {
    const fired: { timer: DueTimer; atMs: number }[] = [];
    const nowMs = await databaseMs();
    await effects(timer('t-past', nowMs - 5_000), timer('t-cancelled', nowMs), timer('t-later', nowMs), { timer: { id: 't-other', kind: 'other', dueAtMs: nowMs, payload: null } });
    await effects({ cancelTimer: { id: 't-cancelled' } }, timer('t-later', nowMs + 3_600_000));
    await fire(async (due) => void fired.push({ timer: due, atMs: await databaseMs() }));
    await eventually(() => expect(fired).toHaveLength(1));
    const soonMs = (await databaseMs()) + 150;
    await effects(timer('t-soon', soonMs, { n: 1n }));
    await eventually(() => expect(fired.map(({ timer: { id } }) => id)).toEqual(['t-past', 't-soon']));
    expect(fired[1]).toMatchObject({ timer: { dueAtMs: soonMs, payload: { n: 1n }, attempts: 1 } });
    expect(fired[1]?.atMs).toBeGreaterThanOrEqual(soonMs);
    await eventually(async () => expect((await db.appPool.query('SELECT id FROM es_timer ORDER BY id')).rows).toEqual([{ id: 't-later' }, { id: 't-other' }]));
  });

  test('a failing handler is called again; a timer set again by its own handler stays', async () => {
    const attempts: number[] = [];
    let nowMs = 0;
    await fire(async (due) => {
      attempts.push(due.attempts);
      if (due.attempts < 3) throw new Error('not yet');
      await effects(timer('t-again', nowMs + 3_600_000));
    });
    nowMs = await databaseMs();
    await effects(timer('t-again', nowMs));
    await eventually(() => expect(attempts).toEqual([1, 2, 3]));
    await eventually(async () => expect((await db.appPool.query('SELECT due_at_ms, attempts FROM es_timer')).rows).toEqual([{ due_at_ms: String(nowMs + 3_600_000), attempts: 0 }]));
  });

  test('a moment that is no whole millisecond is refused', async () => {
    await expect(effects(timer('t-bad', 1.5))).rejects.toThrow('whole milliseconds');
  });
});

describe('inbox', () => {
  test('row and effect are one: once, and neither where the effect fails', async () => {
    await db.ownerPool.query('CREATE TABLE copy (n int); COMMENT ON TABLE copy IS $$local copy$$');
    await db.ownerPool.query(`GRANT ALL ON copy TO ${db.name}_app`);
    const entry = { consumer: 'c', messageId: 'm' };
    const failing = inboxOnce(db.appPool, entry, async (tx) => {
      await tx.query('INSERT INTO copy VALUES (0)');
      throw new Error('half way');
    });
    await expect(failing).rejects.toThrow('half way');
    const once = (n: number): Promise<boolean> => inboxOnce(db.appPool, entry, async (tx) => void (await tx.query('INSERT INTO copy VALUES ($1)', [n])));
    const outcomes = await Promise.all([once(1), once(1), once(1)]);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect((await db.appPool.query('SELECT n FROM copy')).rows).toEqual([{ n: 1 }]);
  });
});
