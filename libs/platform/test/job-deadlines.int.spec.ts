import { JobWorker, readJob, type Effect, type EventStore } from '@skein/events';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVENT_STORE, POOL } from '../src/index.js';
import type { Pool } from 'pg';
import { stage, type Stage } from './harness.js';

const running = new Map<string, AbortSignal>();
const finish = Promise.withResolvers<void>();
let s: Stage;
beforeAll(async () => {
  s = await stage({
    settings: { CALL_TIMEOUT_MS: '300000' },
    define: (base) => ({
      ...base,
      workers: (context) => [new JobWorker({ pool: context.get<Pool>(POOL), kind: 'errand', concurrency: 2, onError: () => undefined, handle: async ({ id }, { signal }) => {
        running.set(id, signal);
        await finish.promise;
      } })],
    }),
  });
});
afterAll(() => s.close());

const asked = { initialState: () => 0, decide: () => ({ ok: true as const, value: [{ type: 'skein.test.errand.asked.v1', data: {} }] }), evolve: (state: number) => state + 1 };

test('a job outlives the call that asked for it, whose answer it is not; what has a deadline of its own ends at that', async () => {
  const store = s.service.get<EventStore>(EVENT_STORE);
  const { rows } = await store.pool.query<{ now: string }>('SELECT es_now_ms() AS now');
  const job = (id: string, payload: object): Effect => ({ job: { id, kind: 'errand', payload } });
  const effects = (): Effect[] => [job('outliving', {}), job('bounded', { deadlineMs: Number(rows[0]!.now) + 3_000 })];
  s.probe.wait = async () => {
    await store.execute({ decider: asked, streamId: 'errand-1', command: () => undefined, metadata: { correlationId: 'c', actor: 'operator' }, effects });
    await finish.promise;
  };
  expect(await s.rest('GET', '/test/v1/wait', { headers: { prefer: 'wait=1' } })).toMatchObject({ status: 504 });
  await eventually(() => expect(running.get('bounded')?.aborted).toBe(true));
  await eventually(async () => expect(await readJob(s.database.appPool, 'bounded')).toMatchObject({ state: 'done', error: 'its deadline passed' }));
  expect([running.get('outliving')?.aborted, (await readJob(s.database.appPool, 'outliving'))?.state]).toEqual([false, 'open']);
  finish.resolve();
  await eventually(async () => expect(await readJob(s.database.appPool, 'outliving')).toMatchObject({ state: 'done', error: undefined }));
});
