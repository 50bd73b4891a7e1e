import { inboxOnce } from '@skein/events';
import { eventually } from '@skein/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import { onMessage, type ConsumerOptions, type MessageHandler } from '../src/consumer.types.js';
import { discardDeadLetter, listDeadLetters, readDeadLetter } from '../src/dead-letters.js';
import { discardHalt, listHalts, resumeConsumer } from '../src/halts.js';
import { redriveDeadLetters } from '../src/redrive.js';
import { note, noteHandler, TIMING } from './support/notes.js';
import { messagingStage } from './support/stage.js';

const s = messagingStage();
let broken = true;
beforeEach(() => void (broken = true));

/** Fails on what begins with "bad" until it is mended; has its effect in the transaction of the inbox. */
const handler = (): MessageHandler =>
  onMessage({
    ...noteHandler(s.topic, async () => undefined),
    handle: async (_message, delivery) => {
      const { id } = delivery.message;
      if (broken && id.startsWith('bad')) throw new Error('odd ledger');
      await inboxOnce(s.service.appPool, delivery.inbox, async () => void s.effects.push(id));
    },
  });
const worker = (policy: ConsumerOptions['policy']): ConsumerWorker => new ConsumerWorker({ log: s.log, pool: s.service.appPool, group: s.group, policy, timing: TIMING, handlers: [handler()] });
const message = (id: string, key = 'k') => {
  const made = note(s.topic, key, 1);
  return { ...made, id, headers: { ...made.headers, ce_id: id } };
};

describe('a consumer that stops', () => {
  async function halted(): Promise<ConsumerWorker> {
    const one = worker('stop');
    await one.start();
    await s.log.send([message('good-1'), message('bad-1'), message('good-2')]);
    await eventually(() => expect(one.consumer?.reason()).toContain('odd ledger'));
    return one;
  }

  it('leaves word in the database: where, which message, why', async () => {
    const one = await halted();
    expect(await listHalts(s.service.appPool, s.group)).toMatchObject([{ group: s.group, reason: 'Error: odd ledger', resuming: false, message: { topic: s.topic, partition: 0, offset: 1n, id: 'bad-1', key: 'k' } }]);
    expect(s.effects).toEqual(['good-1']);
    await one.stop();
  });

  it('starts again in its process when asked to, has each effect once, and the word is gone', async () => {
    const one = await halted();
    broken = false;
    expect(await resumeConsumer(s.service.appPool, s.group, 'operator')).toBe(1);
    await eventually(() => expect(s.effects).toEqual(['good-1', 'bad-1', 'good-2']));
    await eventually(async () => expect([one.failure(), one.ready(), await listHalts(s.service.appPool, s.group)]).toEqual([undefined, true, []]));
    await one.stop();
  });

  it('halts again where nothing was mended, and takes the request back', async () => {
    const one = await halted();
    await resumeConsumer(s.service.appPool, s.group, 'operator');
    const [before] = await listHalts(s.service.appPool, s.group);
    await eventually(async () => {
      const [now] = await listHalts(s.service.appPool, s.group);
      expect([now?.resuming, now!.haltedAtMs > before!.haltedAtMs, one.consumer?.reason()]).toEqual([false, true, expect.stringContaining('odd ledger')]);
    });
    await one.stop();
  });

  it('passes in another process, too: a restarted one clears what its predecessor left', async () => {
    await (await halted()).stop();
    broken = false;
    const next = worker('stop');
    await next.start();
    await eventually(async () => expect([s.effects, await listHalts(s.service.appPool, s.group)]).toEqual([['good-1', 'bad-1', 'good-2'], []]));
    await next.stop();
  });

  it('passes over a discarded message without effect', async () => {
    const one = await halted();
    const [halt] = await listHalts(s.service.appPool, s.group);
    expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'booked by hand')).toBe(true);
    await eventually(() => expect(s.effects).toEqual(['good-1', 'good-2']));
    await eventually(async () => expect(await listHalts(s.service.appPool, s.group)).toEqual([]));
    expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'twice')).toBe(false);
    const { rows } = await s.service.ownerPool.query('SELECT closed_by, closed_reason FROM consumer_halts WHERE group_name = $1', [s.group]);
    expect(rows).toEqual([{ closed_by: 'operator', closed_reason: 'booked by hand' }]);
    await one.stop();
  });
});

describe('a dead letter that is discarded', () => {
  it('keeps who and why; the later ones of its key follow in order', async () => {
    const one = worker('park');
    await one.start();
    await s.log.send([message('bad-1'), message('good-2'), message('bad-3'), message('other', 'l')]);
    await eventually(async () => expect(await listDeadLetters(s.service.appPool, { group: s.group })).toHaveLength(3));
    const [first, , third] = await listDeadLetters(s.service.appPool, { group: s.group });
    expect(await discardDeadLetter(s.service.appPool, first!.id, 'operator', 'sent by mistake')).toBe(true);
    expect(await readDeadLetter(s.service.appPool, first!.id)).toMatchObject({ outcome: 'discarded', closedBy: 'operator', closedReason: 'sent by mistake' });
    expect(await redriveDeadLetters({ pool: s.service.appPool, group: s.group, handlers: [handler()] })).toMatchObject({ done: 1, failed: [{ key: 'k', reason: 'Error: odd ledger' }] });
    expect(s.effects).toEqual(['other', 'good-2']);
    broken = false;
    expect(await redriveDeadLetters({ pool: s.service.appPool, group: s.group, handlers: [handler()] })).toMatchObject({ done: 1, failed: [] });
    expect(await readDeadLetter(s.service.appPool, third!.id)).toMatchObject({ outcome: 'redriven' });
    await s.log.send([message('after')]);
    await eventually(() => expect(s.effects).toEqual(['other', 'good-2', 'bad-3', 'after']));
    await one.stop();
  });

  it('stays discarded when the message is delivered again, mended or not', async () => {
    const one = worker('park');
    await one.start();
    await s.log.send([message('bad-1')]);
    await eventually(async () => expect(await listDeadLetters(s.service.appPool, { group: s.group })).toHaveLength(1));
    const [letter] = await listDeadLetters(s.service.appPool, { group: s.group });
    await discardDeadLetter(s.service.appPool, letter!.id, 'operator', 'no');
    expect(await discardDeadLetter(s.service.appPool, letter!.id, 'operator', 'no')).toBe(false);
    for (const again of [true, false]) {
      broken = again;
      await one.consumer!.seek(s.topic, 0, 0n);
      await s.log.send([message(`good-${String(again)}`, `other-${String(again)}`)]);
      await eventually(() => expect(s.effects).toContain(`good-${String(again)}`));
    }
    expect(s.effects).not.toContain('bad-1');
    expect(await readDeadLetter(s.service.appPool, letter!.id)).toMatchObject({ outcome: 'discarded' });
    await one.stop();
  });
});
