import { eventsMigrations } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import { discardDeadLetter, listDeadLetters, readDeadLetter } from '../src/dead-letters.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import { discardHalt, listHalts, resumeConsumer } from '../src/halts.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { redriveDeadLetters } from '../src/redrive.js';
import { inboxOnce } from '@skein/events';
import { onMessage, type ConsumerOptions, type MessageHandler } from '../src/consumer.types.js';
import { note, noteHandler, TIMING } from './support/notes.js';

let database: TestDatabase;
let service: TestDatabase;
let log: EmbeddedEventLog;
let broken = true;
let effects: string[] = [];
let group = '';
let groups = 0;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
  log = new EmbeddedEventLog({ url: database.appUrl });
});
afterAll(async () => {
  await log.close();
  await Promise.all([database.drop(), service.drop()]);
});
beforeEach(async () => {
  groups += 1;
  group = `group-${groups}`;
  [broken, effects] = [true, []];
  await log.createTopics([{ topic: `notes.${groups}`, partitions: 1, retention: 'infinite' }]);
});

const topic = () => `notes.${groups}`;
/** Fails on what begins with "bad" until it is mended; has its effect in the transaction of the inbox. */
const handler = (): MessageHandler =>
  onMessage({
    ...noteHandler(topic(), async () => undefined),
    handle: async (_message, delivery) => {
      const { id } = delivery.message;
      if (broken && id.startsWith('bad')) throw new Error('odd ledger');
      await inboxOnce(service.appPool, delivery.inbox, async () => void effects.push(id));
    },
  });
const worker = (policy: ConsumerOptions['policy']): ConsumerWorker => new ConsumerWorker({ log, pool: service.appPool, group, policy, timing: TIMING, handlers: [handler()] });
const message = (id: string, key = 'k') => {
  const made = note(topic(), key, 1);
  return { ...made, id, headers: { ...made.headers, ce_id: id } };
};

describe('a consumer that stops', () => {
  async function halted(): Promise<ConsumerWorker> {
    const one = worker('stop');
    await one.start();
    await log.send([message('good-1'), message('bad-1'), message('good-2')]);
    await eventually(() => expect(one.consumer?.reason()).toContain('odd ledger'));
    return one;
  }

  it('leaves word in the database: where, which message, why', async () => {
    const one = await halted();
    expect(await listHalts(service.appPool, group)).toMatchObject([{ group, reason: 'Error: odd ledger', resuming: false, message: { topic: topic(), partition: 0, offset: 1n, id: 'bad-1', key: 'k' } }]);
    expect(effects).toEqual(['good-1']);
    await one.stop();
  });

  it('starts again in its process when asked to, has each effect once, and the word is gone', async () => {
    const one = await halted();
    broken = false;
    expect(await resumeConsumer(service.appPool, group, 'operator')).toBe(1);
    await eventually(() => expect(effects).toEqual(['good-1', 'bad-1', 'good-2']));
    await eventually(async () => expect([one.failure(), one.ready(), await listHalts(service.appPool, group)]).toEqual([undefined, true, []]));
    await one.stop();
  });

  it('halts again where nothing was mended, and takes the request back', async () => {
    const one = await halted();
    await resumeConsumer(service.appPool, group, 'operator');
    const [before] = await listHalts(service.appPool, group);
    await eventually(async () => {
      const [now] = await listHalts(service.appPool, group);
      expect([now?.resuming, now!.haltedAtMs > before!.haltedAtMs, one.consumer?.reason()]).toEqual([false, true, expect.stringContaining('odd ledger')]);
    });
    await one.stop();
  });

  it('passes in another process, too: a restarted one clears what its predecessor left', async () => {
    await (await halted()).stop();
    broken = false;
    const next = worker('stop');
    await next.start();
    await eventually(async () => expect([effects, await listHalts(service.appPool, group)]).toEqual([['good-1', 'bad-1', 'good-2'], []]));
    await next.stop();
  });

  it('passes over a discarded message without effect', async () => {
    const one = await halted();
    const [halt] = await listHalts(service.appPool, group);
    expect(await discardHalt(service.appPool, halt!.id, 'operator', 'booked by hand')).toBe(true);
    await eventually(() => expect(effects).toEqual(['good-1', 'good-2']));
    await eventually(async () => expect(await listHalts(service.appPool, group)).toEqual([]));
    expect(await discardHalt(service.appPool, halt!.id, 'operator', 'twice')).toBe(false);
    const { rows } = await service.ownerPool.query('SELECT closed_by, closed_reason FROM consumer_halts WHERE group_name = $1', [group]);
    expect(rows).toEqual([{ closed_by: 'operator', closed_reason: 'booked by hand' }]);
    await one.stop();
  });
});

describe('a dead letter that is discarded', () => {
  it('keeps who and why; the later ones of its key follow in order', async () => {
    const one = worker('park');
    await one.start();
    await log.send([message('bad-1'), message('good-2'), message('bad-3'), message('other', 'l')]);
    await eventually(async () => expect(await listDeadLetters(service.appPool, { group })).toHaveLength(3));
    const [first, , third] = await listDeadLetters(service.appPool, { group });
    expect(await discardDeadLetter(service.appPool, first!.id, 'operator', 'sent by mistake')).toBe(true);
    expect(await readDeadLetter(service.appPool, first!.id)).toMatchObject({ outcome: 'discarded', closedBy: 'operator', closedReason: 'sent by mistake' });
    expect(await redriveDeadLetters({ pool: service.appPool, group, handlers: [handler()] })).toMatchObject({ done: 1, failed: [{ key: 'k', reason: 'Error: odd ledger' }] });
    expect(effects).toEqual(['other', 'good-2']);
    broken = false;
    expect(await redriveDeadLetters({ pool: service.appPool, group, handlers: [handler()] })).toMatchObject({ done: 1, failed: [] });
    expect(await readDeadLetter(service.appPool, third!.id)).toMatchObject({ outcome: 'redriven' });
    await log.send([message('after')]);
    await eventually(() => expect(effects).toEqual(['other', 'good-2', 'bad-3', 'after']));
    await one.stop();
  });

  it('stays discarded when the message is delivered again, mended or not', async () => {
    const one = worker('park');
    await one.start();
    await log.send([message('bad-1')]);
    await eventually(async () => expect(await listDeadLetters(service.appPool, { group })).toHaveLength(1));
    const [letter] = await listDeadLetters(service.appPool, { group });
    await discardDeadLetter(service.appPool, letter!.id, 'operator', 'no');
    expect(await discardDeadLetter(service.appPool, letter!.id, 'operator', 'no')).toBe(false);
    for (const again of [true, false]) {
      broken = again;
      await one.consumer!.seek(topic(), 0, 0n);
      await log.send([message(`good-${String(again)}`, `other-${String(again)}`)]);
      await eventually(() => expect(effects).toContain(`good-${String(again)}`));
    }
    expect(effects).not.toContain('bad-1');
    expect(await readDeadLetter(service.appPool, letter!.id)).toMatchObject({ outcome: 'discarded' });
    await one.stop();
  });
});
