import { eventsMigrations, inboxOnce, type Tx } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import type { Delivery } from '../src/consumer.types.js';
import type { ConsumeOptions, EventLog, ReceivedMessage } from '../src/event-log.js';
import { messagingMigrations } from '../src/migrations.js';
import { fresh, gate } from './support/messages.js';
import { note, noteHandler, TIMING } from './support/notes.js';

// Effects must be fenced, not only offsets: a member that lost its partition without knowing it goes on with the messages at
// hand beside its successor, and what became of a commit whose answer was lost nobody can tell it. The log here is played by
// the test: no signal ever aborts, so nothing but the inbox stands between them.

const TOPIC = 'played.topic.v1';
let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase(eventsMigrations, messagingMigrations);
  await database.ownerPool.query(`CREATE TABLE effects (n serial, run text, text text); GRANT SELECT, INSERT ON effects TO PUBLIC; GRANT USAGE ON SEQUENCE effects_n_seq TO PUBLIC`);
});
afterAll(() => database.drop());

let run: string;
beforeEach(() => void (run = fresh('run')));

function message(n: number): ReceivedMessage {
  const [made, id] = [note(TOPIC, 'k', n), `${run}#${n}`];
  return { ...made, id, headers: { ...made.headers, ce_id: id }, partition: 0, offset: BigInt(n) };
}
const effects = async (): Promise<string[]> => (await database.appPool.query<{ text: string }>('SELECT text FROM effects WHERE run = $1 ORDER BY n', [run])).rows.map(({ text }) => text);
const upTo = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n}`);

type Handle = (text: string, delivery: Delivery, effect: (tx: Tx) => Promise<void>) => Promise<unknown>;

/** A member that is given the messages from an offset on, again and again until all are settled, and never learns that others have them, too. */
async function deliver(handle: Handle, from: number, to: number): Promise<void> {
  let options: ConsumeOptions | undefined;
  let resumed = gate();
  const log: EventLog = {
    consume: async (given) => {
      options = given;
      return { assignment: () => [], pause: () => void (resumed = gate()), resume: () => resumed.open(), seek: async () => undefined, alive: () => true, stop: async () => undefined };
    },
    send: async () => undefined, lag: async () => [], createTopics: async () => undefined, close: async () => undefined,
  };
  const handler = noteHandler(TOPIC, (text, delivery) => handle(text, delivery, async (tx) => void (await tx.query('INSERT INTO effects (run, text) VALUES ($1, $2)', [run, text]))));
  const consumer = await startConsumer({ log, pool: database.appPool, group: 'played', policy: 'stop', handlers: [handler], timing: TIMING });
  for (let next = from; next < to; ) {
    resumed.open();
    await options!.onBatch({
      topic: TOPIC, partition: 0, messages: Array.from({ length: to - next }, (_, at) => message(next + at)), signal: new AbortController().signal,
      resolve: ({ offset }) => void (next = Number(offset) + 1),
    });
    if (next < to) await resumed.opened;
  }
  await consumer.stop();
}

const once: Handle = (_text, { inbox }, effect) => inboxOnce(database.appPool, inbox, effect);

it('a former owner that begins a message when its successor is far beyond changes nothing', async () => {
  const hold = gate();
  const former = deliver(async (text, delivery, effect) => {
    if (text === '0') await hold.opened;
    return once(text, delivery, effect);
  }, 0, 3);
  await deliver(once, 0, 5);
  expect(await effects()).toEqual(upTo(5));
  hold.open();
  await former;
  expect(await effects()).toEqual(upTo(5));
});

it('a successor waits for the former owner\'s open transaction before it touches the next message', async () => {
  const [inside, hold] = [gate(), gate()];
  const former = deliver((text, { inbox }, effect) => inboxOnce(database.appPool, inbox, async (tx) => {
    await effect(tx);
    if (text !== '0') return;
    inside.open();
    await hold.opened;
  }), 0, 1);
  await inside.opened;
  const successor = deliver(once, 0, 3);
  await eventually(async () => {
    const { rows } = await database.appPool.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    expect(rows).toHaveLength(1);
  });
  expect(await effects()).toEqual([]);
  hold.open();
  await Promise.all([former, successor]);
  expect(await effects()).toEqual(upTo(3));
});

/** What befalls a member's first try of a message. */
const FATES = ['none', 'before', 'rolled back', 'answer lost'] as const;
const lost = (): Error => Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });

it('gives each effect once and in order, whatever members overlap, fail, or lose the answer to a commit', async () => {
  const member = fc.record({ from: fc.nat({ max: 4 }), fates: fc.array(fc.constantFrom(...FATES), { minLength: 5, maxLength: 5 }) });
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(member, { minLength: 1, maxLength: 3 }), async (scheduler, later) => {
    run = fresh('run');
    const tried = new Set<string>();
    const faulty = (name: number, fates: readonly (typeof FATES)[number][]): Handle => async (text, { inbox }, effect) => {
      const fate = tried.has(`${name}/${text}`) ? 'none' : fates[Number(text)];
      tried.add(`${name}/${text}`);
      await scheduler.schedule(Promise.resolve(), `${name} begins ${text}`);
      if (fate === 'before') throw lost();
      await inboxOnce(database.appPool, inbox, async (tx) => {
        await effect(tx);
        await scheduler.schedule(Promise.resolve(), `${name} commits ${text}`);
        if (fate === 'rolled back') throw lost();
      });
      if (fate === 'answer lost') throw lost();
    };
    // A successor begins at an offset that was committed, which is never beyond what has its effect.
    const settled = Array.from({ length: 5 }, () => gate());
    const first = deliver(async (text, delivery, effect) => {
      await faulty(0, ['answer lost', 'rolled back', 'none', 'before', 'answer lost'])(text, delivery, effect);
      settled[Number(text)]!.open();
    }, 0, 5);
    const others = later.map(async ({ from, fates }, at) => {
      if (from > 0) await settled[from - 1]!.opened;
      await deliver(faulty(at + 1, fates), from, 5);
    });
    await scheduler.waitFor(Promise.all([first, ...others]));
    expect(await effects()).toEqual(upTo(5));
  }), { numRuns: 25 });
});
