import pg from 'pg';
import { EventStore, JobWorker, projectionSink, reactorSink, Subscription, TimerWorker } from '../src/index.js';
import { account, metadata, type AccountCommand, type AccountEvent } from './account.js';
import { balances } from './balances.js';

// A whole service in one process, to be killed at any moment: commands with keys that ask for jobs and timers, a projection,
// a reactor. Everything it starts again from scratch with the same keys.
const [url, count = '0'] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 4 });
const store = new EventStore({ pool });

const deposit = (streamId: string, scope: string, key: string, asks: boolean): Promise<unknown> =>
  store.execute<{ balance: bigint }, AccountCommand, AccountEvent>({
    decider: account, streamId, metadata, command: () => ({ change: 1n, times: 2 }), key: { scope, key, requestHash: 'h', forever: true },
    effects: () => (asks ? [{ job: { id: `job-${key}`, kind: 'work', payload: null } }, { timer: { id: `timer-${key}`, kind: 'deadline', dueAtMs: 0, payload: null } }] : []),
  });

const workers = [
  new Subscription({ store, sink: projectionSink(store, balances()), batchSize: 8 }),
  new Subscription({ store, batchSize: 8, sink: reactorSink({ name: 'react', handle: async (event) => {
    if (event.streamId.startsWith('command-')) await deposit('reacted', 'reactor', event.eventId, false);
  } }) }),
  new JobWorker({ pool, kind: 'work', concurrency: 2, handle: async ({ id }) => void (await deposit('worked', 'job', id, false)) }),
  new TimerWorker({ pool, handlers: { deadline: async ({ id }) => void (await deposit('timed', 'timer', id, false)) } }),
];
for (const worker of workers) await worker.start();
for (let n = 0; n < Number(count); n += 1) {
  await deposit(`command-${n % 4}`, 'command', String(n), true);
  process.stdout.write(`done ${n}\n`);
}
for (;;) {
  const { rows } = await pool.query<{ open: string }>(`SELECT (SELECT count(*) FROM es_job WHERE state = 'open') + (SELECT count(*) FROM es_timer) AS open`);
  if (rows[0]?.open === '0') break;
}
await workers[1]?.stop();
const reactor = new Subscription({ store, sink: reactorSink({ name: 'react', handle: async (event) => {
  if (event.streamId.startsWith('command-')) await deposit('reacted', 'reactor', event.eventId, false);
} }) });
await reactor.catchUp();
if (workers[0] instanceof Subscription) await workers[0].catchUp();
for (const worker of workers) await worker.stop();
await store.close();
await pool.end();
process.stdout.write('complete\n');
