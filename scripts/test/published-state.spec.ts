import type { ReceivedMessage } from '@skein/messaging';
import { expect, test } from 'vitest';
import { publishedBroken, publishedFacts, type Published, type StoredEvent } from '../src/chaos/published-state.js';

const TYPE = 'skein.test.thing.done.v1';
const event = (stream: string, version: number, type = TYPE): StoredEvent => ({ id: `${stream}@${version}`, stream, version, type });

function message({ id, stream, version, type }: StoredEvent, offset: number, more: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return { topic: 'test.thing.v1', partition: 0, offset: BigInt(offset), key: stream, id, type, timeMs: 0, value: new Uint8Array(), headers: { ce_subject: stream, ce_streamversion: String(version) }, ...more };
}

const [a1, a2, a3, b1] = [event('a', 1), event('a', 2), event('a', 3), event('b', 1)] as const;
const published = (messages: readonly ReceivedMessage[], events: readonly StoredEvent[] = [a1, a2, a3, b1]): Published => ({ messages, events: new Map(events.map((one) => [one.id, one])) });
const lying = (...events: readonly StoredEvent[]): ReceivedMessage[] => events.map((one, offset) => message(one, offset));

test('what is whole, in order and sent again from somewhere is sound, and counted once', () => {
  const again = published(lying(a1, b1, a2, a1, b1, a2, a3));
  expect(publishedBroken(again)).toEqual([]);
  expect(publishedFacts(again)).toEqual({ published: [`test.thing.v1 ${TYPE} 4`] });
});

test('an event that was never sent is a gap, also at the end of its stream and where its whole key is missing', () => {
  expect(publishedBroken(published(lying(a1, a3, b1)))).toEqual([`gaps in what is published: test.thing.v1 lacks ${TYPE}, version 2 of a`]);
  expect(publishedBroken(published(lying(a1, a2, b1)))).toEqual([`gaps in what is published: test.thing.v1 lacks ${TYPE}, version 3 of a`]);
  expect(publishedBroken(published(lying(a1, a2, a3)))).toEqual([`gaps in what is published: test.thing.v1 lacks ${TYPE}, version 1 of b`]);
});

test('what its service does not publish, or only some of, is no gap', () => {
  expect(publishedBroken(published(lying(a1), [a1, event('a', 2, 'skein.test.thing.private.v1')]))).toEqual([]);
  const scored = 'skein.arena.submission.scored.v1';
  expect(publishedBroken(published(lying(event('a', 1, scored)), [event('a', 1, scored), event('a', 2, scored)]))).toEqual([]);
});

test('a message that overtook another one of its key is told with all versions', () => {
  expect(publishedBroken(published(lying(a1, a3, a2, b1)))).toEqual(['published out of order: test.thing.v1, a, a: 1, 3, 2']);
});

test('a key that lies in two partitions, a message of no event, and one that names another place are told', () => {
  expect(publishedBroken(published([message(a1, 0), message(a2, 0, { partition: 1 })], [a1, a2]))).toEqual(['published in several partitions: test.thing.v1, a']);
  expect(publishedBroken(published(lying(a1, a2), [a1]))).toEqual([`published and not stored: test.thing.v1 ${TYPE} a@2`]);
  expect(publishedBroken(published([message(a1, 0, { headers: { ce_subject: 'a', ce_streamversion: '4' } })], [a1]))).toEqual([`published with another place: test.thing.v1 ${TYPE} a@4 is a@1`]);
});

test('attempts are not counted: how many there are says nothing', () => {
  const voided = event('call', 1, 'skein.marketplace.call.voided.v1');
  expect(publishedFacts(published(lying(voided, b1), [voided, b1]))).toEqual({ published: [`test.thing.v1 ${TYPE} 1`] });
});
