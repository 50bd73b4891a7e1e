import { EventStore, eventsMigrations, Subscription } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { EventLog, PublicMessage } from '../src/event-log.js';
import { publicationSink } from '../src/relay.js';
import { gate } from './support/messages.js';
import { notePublication, takeNotes } from './support/source.js';

// A consumer takes the first of repeated messages. Whatever happens to a relay, the first ones must come in the order of the
// events and without a gap; repetitions may come at any time, also late and out of order.

let database: TestDatabase;
let store: EventStore;
let published: string[];
beforeAll(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool, onError: () => undefined });
  await takeNotes(store, 20, 3);
  await store.headPosition();
  published = (await store.readAll(0n, 1_000)).map((event) => notePublication.map(event)?.id).filter((id) => id !== undefined);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

let sent: string[];
beforeEach(async () => {
  sent = [];
  await database.appPool.query('DELETE FROM es_subscription');
});

const firsts = (): string[] => [...new Set(sent)];
const record = (messages: readonly PublicMessage[]): void => void sent.push(...messages.map(({ id }) => id));
const sending = (send: (messages: readonly PublicMessage[]) => Promise<void>): EventLog => ({
  send, consume: () => Promise.reject(new Error('only sends')), lag: async () => [], createTopics: async () => undefined, close: async () => undefined,
});
const relayOver = (log: EventLog): Subscription => new Subscription({ store, sink: publicationSink(log, notePublication), batchSize: 4, onError: () => undefined });
const NAME = 'publication-notes';

it('a relay that was replaced while it sent only repeats what is there, and moves nothing', async () => {
  const [entered, hold] = [gate(), gate()];
  const former = relayOver(sending(async (messages) => {
    entered.open();
    await hold.opened;
    record(messages);
  })).catchUp();
  await entered.opened;
  await database.appPool.query(`UPDATE es_subscription SET lease_owner = NULL WHERE name = $1`, [NAME]);
  await relayOver(sending(async (messages) => record(messages))).catchUp();
  expect(sent).toEqual(published);
  hold.open();
  await expect(former).rejects.toThrow('another owner');
  expect(sent.length).toBeGreaterThan(published.length);
  expect(firsts()).toEqual(published);
});

it('a relay that stood still between reading and sending, and was replaced meanwhile, sends nothing any more', async () => {
  const [events, late] = [(await store.readAll(0n, 1_000)).slice(0, 4), publicationSink(sending(async (messages) => record(messages)), notePublication, database.appPool)];
  const taken = (): Promise<void> => Promise.reject(new Error('another owner'));
  await relayOver(sending(async (messages) => record(messages))).catchUp();
  await expect(late.deliver(events, taken)).rejects.toThrow('another owner');
  expect(sent).toEqual(published);
});

/**
 * What befalls a send: the answer is lost and the batch is there or is not, or it comes when others have long been sent;
 * the server comes back with an older checkpoint, because moving it does not wait for the disk; somebody else takes over.
 */
const FATES = ['none', 'answer lost', 'batch lost', 'arrives late', 'checkpoint lost', 'replaced'] as const;

it('sends first messages in order and without a gap, whatever befalls its sends and its checkpoint', async () => {
  const fate = fc.record({ kind: fc.constantFrom(...FATES), back: fc.integer({ min: 0, max: 40 }) });
  await fc.assert(fc.asyncProperty(fc.array(fate, { maxLength: 12 }), async (fates) => {
    sent = [];
    await database.appPool.query('DELETE FROM es_subscription');
    const open = [...fates];
    const late: (readonly PublicMessage[])[] = [];
    const log = sending(async (messages) => {
      const { kind, back } = open.shift() ?? { kind: 'none', back: 0 };
      if (kind !== 'batch lost' && kind !== 'arrives late') record(messages);
      if (kind === 'arrives late') late.push(messages);
      if (kind === 'checkpoint lost') await database.appPool.query('UPDATE es_subscription SET position = greatest(0, position - $2) WHERE name = $1', [NAME, back]);
      if (kind === 'replaced') await database.appPool.query('UPDATE es_subscription SET lease_owner = gen_random_uuid(), leased_until = clock_timestamp() WHERE name = $1', [NAME]);
      if (kind === 'answer lost' || kind === 'batch lost' || kind === 'arrives late') throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
      // One that hung in the server is done when the next has its answer.
      record(late.splice(0).flat());
    });
    while (open.length > 0 || firsts().length < published.length) await relayOver(log).catchUp().catch(() => open.length === 0 && open.push());
    expect(firsts()).toEqual(published);
  }), { numRuns: 40 });
});
