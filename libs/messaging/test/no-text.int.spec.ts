import { EventStore } from '@skein/events';
import { ok, type Decider } from '@skein/kernel';
import { eventually } from '@skein/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import type { ConsumerOptions, Delivery, RunningConsumer } from '../src/consumer.types.js';
import { listDeadLetters } from '../src/dead-letters.js';
import type { PublicMessage } from '../src/event-log.js';
import { listHalts } from '../src/halts.js';
import { redriveDeadLetters } from '../src/redrive.js';
import { repairMessage, type RepairOptions } from '../src/repairs.js';
import { note, noteHandler, TIMING } from './support/notes.js';
import { messagingStage } from './support/stage.js';

// PostgreSQL keeps U+0000 in no text: neither in a column nor in what an index takes out of JSON. A stranger's header with it is that
// message's fault, told by the header's name and before anybody handles it.

const stage = messagingStage();
let consumer: RunningConsumer | undefined;
let calls = 0;
afterEach(async () => {
  await consumer?.stop();
  [consumer, calls] = [undefined, 0];
});

const seen: Decider<number, string, { type: 'skein.test.seen.v1'; data: { text: string } }> = {
  initialState: () => 0,
  decide: (text) => ok([{ type: 'skein.test.seen.v1', data: { text } }]),
  evolve: (count) => count + 1,
};

/** Gives a command for each message, with its metadata and the stream that it names: as services do. */
function handlers(): ConsumerOptions['handlers'] {
  const store = new EventStore({ pool: stage.service.appPool });
  return [noteHandler(stage.topic, async (text: string, { inbox, streamId, metadata }: Delivery) => {
    calls += 1;
    const outcome = await store.execute({ decider: seen, streamId: `seen-${streamId}`, command: () => text, metadata: metadata('test'), inbox });
    if (outcome.ok && !outcome.value.duplicate) stage.effects.push(text);
    return outcome;
  })];
}

async function meet(policy: ConsumerOptions['policy'], ...messages: PublicMessage[]): Promise<void> {
  consumer = await startConsumer({ log: stage.log, pool: stage.service.appPool, group: stage.group, policy, timing: TIMING, handlers: handlers() });
  await stage.log.send(messages);
}
const withHeaders = (headers: Record<string, string>): PublicMessage => {
  const good = note(stage.topic, 'k', 1);
  return { ...good, headers: { ...good.headers, ...headers } };
};
const said = (header: string): string => `RejectionError: header ${header} holds U+0000, or bytes that are no text`;

describe('a message with U+0000', () => {
  it.each(['ce_correlationid', 'ce_causationid', 'ce_subject', 'traceparent', 'ce_tracelinks', 'x-of-a-stranger'])('in %s is parked by that name and not handled; other keys go on', async (name) => {
    await meet('park', withHeaders({ [name]: 'a\0b' }), note(stage.topic, 'k', 2), note(stage.topic, 'other', 3));
    await eventually(() => expect(stage.effects).toEqual(['3']));
    expect(await listDeadLetters(stage.service.appPool, { group: stage.group })).toMatchObject([
      { reason: said(name), first: true, whole: true, message: { id: 'k#1', headers: { [name]: 'a\0b' } } }, { first: false, message: { id: 'k#2' } },
    ]);
    expect(calls).toBe(1);
  });

  it('in a header\'s name is parked, too', async () => {
    await meet('park', withHeaders({ 'x-\0': 'a' }));
    await eventually(async () => expect(await listDeadLetters(stage.service.appPool, { group: stage.group })).toMatchObject([{ reason: said('"x-\\u0000"') }]));
  });

  it('stops money', async () => {
    await meet('stop', withHeaders({ ce_correlationid: '\0' }), note(stage.topic, 'other', 2));
    await eventually(() => expect(consumer?.state()).toBe('halted'));
    expect(await listHalts(stage.service.appPool, stage.group)).toMatchObject([{ reason: said('ce_correlationid'), message: { id: 'k#1' } }]);
    expect([calls, stage.effects]).toEqual([0, []]);
  });

  it('takes effect once after its header was mended; one that came as text stays as it came', async () => {
    await meet('park', withHeaders({ ce_correlationid: '\0' }), note(stage.topic, 'k', 2));
    const letter = await eventually(async () => {
      const [first, second] = await listDeadLetters(stage.service.appPool, { group: stage.group });
      expect(second).toBeDefined();
      return first!;
    });
    const { log, group, service: { appPool: pool } } = stage;
    const whole = { ...letter, message: { ...letter.message, value: note(stage.topic, 'k', 1).value } };
    const repair = (headers: Record<string, string>): RepairOptions => ({ pool, log, group, handlers: handlers(), letter: whole, repair: { headers, oversize: false }, by: 'operator', reason: 'r' });
    await expect(repairMessage(repair({ ce_subject: 'other' }))).rejects.toThrow('ce_subject is none of');
    await repairMessage(repair({ ce_correlationid: 'mended' }));
    expect(await redriveDeadLetters({ pool, log, group, handlers: handlers() })).toEqual({ done: 2, failed: [] });
    expect(stage.effects).toEqual(['1', '2']);
    const { rows } = await pool.query<{ id: string }>(`SELECT metadata->>'correlationId' AS id FROM es_event WHERE stream_id = 'seen-k' ORDER BY version DESC LIMIT 2`);
    expect(rows.map(({ id }) => id)).toEqual(['c-k', 'mended']);
  });
});
