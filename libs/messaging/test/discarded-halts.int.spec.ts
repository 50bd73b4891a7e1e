import { inboxOnce } from '@skein/events';
import { eventually } from '@skein/testing';
import { beforeEach, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import type { PublicMessage, ReceivedMessage } from '../src/event-log.js';
import { discardHalt, listHalts, mayResume, recordHalt } from '../src/halts.js';
import { note, noteHandler, TIMING } from './support/notes.js';
import { messagingStage } from './support/stage.js';

const s = messagingStage();
let broken = true;
beforeEach(() => void (broken = true));

const message = (n: number): PublicMessage => note(s.topic, 'k', n);
const received = (n: number, offset: bigint): ReceivedMessage => ({ ...message(n), partition: 0, offset });

/** A money consumer that books each message once; the first one fails until it is mended, and an operator discards it. */
async function discarded(): Promise<ConsumerWorker> {
  const worker = new ConsumerWorker({
    log: s.log, pool: s.service.appPool, group: s.group, policy: 'stop', timing: TIMING,
    handlers: [noteHandler(s.topic, async (text, { inbox }) => {
      if (broken && text === '1') throw new Error('odd ledger');
      await inboxOnce(s.service.appPool, inbox, async () => void s.effects.push(text));
    })],
  });
  await worker.start();
  await s.log.send([message(1), message(2)]);
  const [halt] = await eventually(async () => {
    const halts = await listHalts(s.service.appPool, s.group);
    expect(halts).toHaveLength(1);
    return halts;
  });
  expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'booked by hand')).toBe(true);
  await eventually(() => expect(s.effects).toEqual(['2']));
  return worker;
}

it.each([['mended', false], ['not mended', true]])('a discarded message is passed over when its offset is delivered again, %s', async (_, stillBroken) => {
  const worker = await discarded();
  broken = stillBroken;
  await worker.consumer!.seek(s.topic, 0, 0n);
  await s.log.send([message(3)]);
  await eventually(() => expect(s.effects).toEqual(['2', '3']));
  expect([await listHalts(s.service.appPool, s.group), worker.ready()]).toEqual([[], true]);
  await worker.stop();
});

it('a discarded message that its sender repeats has no effect either', async () => {
  const worker = await discarded();
  broken = false;
  await s.log.send([message(1), message(3)]);
  await eventually(() => expect(s.effects).toEqual(['2', '3']));
  await worker.stop();
});

it('another message at the offset of a discarded one is handled: a log that was made anew counts from 0 again', async () => {
  await recordHalt(s.service.appPool, s.group, received(9, 0n), 'of another log');
  const [halt] = await listHalts(s.service.appPool, s.group);
  await discardHalt(s.service.appPool, halt!.id, 'operator', 'gone');
  broken = false;
  const worker = new ConsumerWorker({ log: s.log, pool: s.service.appPool, group: s.group, policy: 'stop', timing: TIMING, handlers: [noteHandler(s.topic, async (text) => void s.effects.push(text))] });
  await worker.start();
  await s.log.send([message(1)]);
  await eventually(() => expect(s.effects).toEqual(['1']));
  await worker.stop();
});

it('a try under way that fails after the discard does not take the discard\'s resume back', async () => {
  await recordHalt(s.service.appPool, s.group, received(1, 0n), 'odd');
  const [halt] = await listHalts(s.service.appPool, s.group);
  expect(await mayResume(s.service.appPool, s.group)).toBe(false);
  expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'no')).toBe(true);
  await recordHalt(s.service.appPool, s.group, received(1, 0n), 'odd again');
  expect(await mayResume(s.service.appPool, s.group)).toBe(true);
});

it('what has had its effect since it halted cannot be discarded; what its id had before can', async () => {
  const inbox = { consumer: s.group, messageId: `${s.topic}/k#1` };
  await recordHalt(s.service.appPool, s.group, received(1, 0n), 'odd');
  await inboxOnce(s.service.appPool, inbox, async () => undefined);
  const [halt] = await listHalts(s.service.appPool, s.group);
  expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'too late')).toBe(false);
  expect(await listHalts(s.service.appPool, s.group)).toMatchObject([{ resuming: false }]);
  // The same id once more, with other content: the halt is younger than the first one's effect.
  await recordHalt(s.service.appPool, s.group, received(1, 0n), 'met before with other content');
  expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'the first stands')).toBe(true);
});
