import { createHash } from 'node:crypto';
import { inboxOnce } from '@skein/events';
import { eventually } from '@skein/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import { discardDeadLetter, listDeadLetters, park, readDeadLetter, type ClosedLetter } from '../src/dead-letters.js';
import type { PublicMessage, ReceivedMessage } from '../src/event-log.js';
import { discardHalt, listHalts } from '../src/halts.js';
import { redriveDeadLetters, type Redriven } from '../src/redrive.js';
import { gate } from './support/messages.js';
import { note, noteHandler, TIMING } from './support/notes.js';
import { messagingStage } from './support/stage.js';

const HOOK = Symbol.for('skein.failpoint');
const UNDECODABLE = new Uint8Array([10, 200, 1]);
/** 8 000 characters that no compression makes short enough for an index. */
const LONG = Array.from({ length: 125 }, (_, n) => createHash('sha256').update(String(n)).digest('hex')).join('');

const s = messagingStage();
let worker: ConsumerWorker | undefined;
afterEach(async () => {
  Reflect.deleteProperty(globalThis, HOOK);
  await worker?.stop();
  worker = undefined;
});

const received = (n: number, more: Partial<ReceivedMessage> = {}): ReceivedMessage => ({ ...note(s.topic, 'k', n), partition: 0, offset: BigInt(n), ...more });
const inbox = (n: number) => ({ consumer: s.group, messageId: `${s.topic}/k#${n}` });
const take = (n: number): Promise<boolean> => inboxOnce(s.service.appPool, inbox(n), async () => void s.effects.push(String(n)));
const open = () => listDeadLetters(s.service.appPool, { group: s.group });
const outcomes = async (ids: readonly bigint[]): Promise<(ClosedLetter['outcome'] | undefined)[]> => Promise.all(ids.map(async (id) => (await readDeadLetter(s.service.appPool, id))?.outcome));
const redrive = (handle: (text: string) => Promise<unknown> = (text) => take(Number(text)), leaseMs = 60_000): Promise<Redriven> =>
  redriveDeadLetters({ pool: s.service.appPool, group: s.group, leaseMs, handlers: [noteHandler(s.topic, handle)] });

/** A consumer that takes all in, but for what `fails` says. */
async function consume(policy: 'park' | 'stop', fails: (text: string) => boolean = () => false): Promise<ConsumerWorker> {
  worker = new ConsumerWorker({
    log: s.log, pool: s.service.appPool, group: s.group, policy, timing: TIMING,
    handlers: [noteHandler(s.topic, async (text, delivery) => {
      if (fails(text)) throw new Error('odd');
      await inboxOnce(s.service.appPool, delivery.inbox, async () => void s.effects.push(text));
    })],
  });
  await worker.start();
  return worker;
}

describe('names that are longer than an index can hold', () => {
  const renamed = (what: 'id' | 'type' | 'key'): PublicMessage => {
    const good = note(s.topic, 'k', 1);
    return { ...good, [what]: LONG, headers: { ...good.headers, ...(what === 'key' ? {} : { [`ce_${what}`]: LONG }) } };
  };

  it.each(['id', 'type', 'key'] as const)('a message with such a %s is parked with the reason, and other keys go on', async (what) => {
    await consume('park');
    await s.log.send([renamed(what), note(s.topic, 'other', 2)]);
    await eventually(() => expect(s.effects).toEqual(['2']));
    const [letter] = await open();
    expect(letter).toMatchObject({ reason: `RejectionError: the ${what} has 8000 bytes; at most 255`, first: true });
    expect(await discardDeadLetter(s.service.appPool, letter!.id, 'operator', 'no')).toBe(true);
    expect(await open()).toEqual([]);
  });

  it('undecodable bytes under such a key are parked, and so is what follows under it', async () => {
    await consume('park');
    await s.log.send([{ ...renamed('key'), value: UNDECODABLE }, { ...note(s.topic, 'k', 2), key: LONG }, note(s.topic, 'other', 3)]);
    await eventually(() => expect(s.effects).toEqual(['3']));
    expect((await open()).map(({ message, first }) => [message.key === LONG, message.id, first])).toEqual([[true, 'k#1', true], [true, 'k#2', false]]);
  });

  it('money halts before such an id, goes on when it is discarded, and passes it again', async () => {
    const money = await consume('stop');
    await s.log.send([renamed('id'), note(s.topic, 'other', 2)]);
    const [halt] = await eventually(async () => {
      const halts = await listHalts(s.service.appPool, s.group);
      expect(halts).toMatchObject([{ reason: 'RejectionError: the id has 8000 bytes; at most 255' }]);
      return halts;
    });
    expect(await discardHalt(s.service.appPool, halt!.id, 'operator', 'no')).toBe(true);
    await eventually(() => expect(s.effects).toEqual(['2']));
    await money.consumer!.seek(s.topic, 0, 0n);
    await s.log.send([note(s.topic, 'other', 3)]);
    await eventually(() => expect(s.effects).toEqual(['2', '3']));
  });

  it('a time that no row can hold does not keep a message from being parked', async () => {
    expect(await park(s.service.appPool, s.group, received(1, { timeMs: 2 ** 63 }), 'odd', true)).toBe(true);
    expect(await open()).toMatchObject([{ message: { timeMs: 0 } }]);
  });
});

describe('a message that comes again after it was parked', () => {
  it('keeps its reason, and that it was the one that failed', async () => {
    await park(s.service.appPool, s.group, received(1), 'odd', true);
    expect(await park(s.service.appPool, s.group, received(1), 'waits behind', false)).toBe(true);
    expect(await open()).toMatchObject([{ reason: 'odd', first: true }]);
  });

  it('stays closed where it was redriven and another of its key is parked, also where it fails again itself', async () => {
    for (const n of [1, 2]) await park(s.service.appPool, s.group, received(n), 'odd', true);
    const ids = (await open()).map(({ id }) => id);
    expect(await redrive(async (text) => (text === '2' ? Promise.reject(new Error('still odd')) : take(1)))).toMatchObject({ done: 1 });
    expect(await park(s.service.appPool, s.group, received(1), 'waits behind', false)).toBe(true);
    expect(await outcomes(ids)).toEqual(['redriven', 'open']);
    expect(await park(s.service.appPool, s.group, received(1), 'odd again', true)).toBe(true);
    expect(await outcomes(ids)).toEqual(['redriven', 'open']);
    expect(await readDeadLetter(s.service.appPool, ids[0]!)).toMatchObject({ reason: 'odd' });
  });
});

describe('a redrive that may not take all at once', () => {
  const part = (fromId?: bigint, limits: { lettersMax?: number; timeMs?: number } = { lettersMax: 2 }): Promise<Redriven> =>
    redriveDeadLetters({ pool: s.service.appPool, group: s.group, handlers: [noteHandler(s.topic, async (text) => (text === '1' ? Promise.reject(new Error('odd')) : take(Number(text))))], ...limits, ...(fromId === undefined ? {} : { fromId }) });
  const parked = async (): Promise<void> => {
    for (const [n, key] of [[1, 'a'], [2, 'a'], [3, 'b'], [4, 'b'], [5, 'c'], [6, 'b']] as const) await park(s.service.appPool, s.group, received(n, { key }), 'odd', true);
  };

  it('ends after so many letters, says what is left, and goes on there without what failed', async () => {
    await parked();
    const first = await part();
    expect(first).toMatchObject({ done: 1, failed: [{ key: 'a' }], rest: { letters: 3 } });
    const second = await part(first.rest?.fromId);
    expect(second).toMatchObject({ done: 2, failed: [], rest: { letters: 1 } });
    expect([await part(second.rest?.fromId), s.effects]).toEqual([{ done: 1, failed: [] }, expect.arrayContaining(['3', '4', '5', '6'])]);
  });

  it('handles at least one, however short its time', async () => {
    await parked();
    expect(await part(undefined, { timeMs: 0 })).toMatchObject({ done: 0, failed: [{ key: 'a' }], rest: { letters: 4 } });
  });
});

describe('an operator who discards beside a redrive', () => {
  const expire = (): Promise<unknown> => s.service.ownerPool.query(`UPDATE dead_letters SET leased_until = '-infinity' WHERE group_name = $1`, [s.group]);
  const leasedUntil = async (): Promise<unknown> => (await s.service.ownerPool.query(`SELECT leased_until FROM dead_letters WHERE group_name = $1`, [s.group])).rows[0]?.leased_until;

  /** A redrive whose handler stands still where `inside` says, until `goOn` is opened. */
  async function standing(where: 'before' | 'after', leaseMs = 60_000): Promise<{ id: bigint; goOn: () => void; redriven: Promise<Redriven> }> {
    await park(s.service.appPool, s.group, received(1), 'odd', true);
    const [letter] = await open();
    const [inside, goOn] = [gate(), gate()];
    const stand = async (): Promise<void> => {
      inside.open();
      await goOn.opened;
    };
    const redriven = redrive(async () => {
      if (where === 'before') await stand();
      await take(1);
      if (where === 'after') await stand();
    }, leaseMs);
    await inside.opened;
    return { id: letter!.id, goOn: goOn.open, redriven };
  }

  it('is told so for as long as the redrive lasts: it holds its letter', async () => {
    const { id, goOn, redriven } = await standing('before', 300);
    const first = await leasedUntil();
    const second = await eventually(async () => {
      const now = await leasedUntil();
      expect(now).not.toEqual(first);
      return now;
    });
    await eventually(async () => expect(await leasedUntil()).not.toEqual(second));
    goOn();
    expect(await redriven).toEqual({ done: 1, failed: [] });
    expect([await outcomes([id]), s.effects]).toEqual([['redriven'], ['1']]);
  });

  it('decides, where the redrive has lost its lease before the effect', async () => {
    const { id, goOn, redriven } = await standing('before');
    await expire();
    expect(await discardDeadLetter(s.service.appPool, id, 'operator', 'no')).toBe(true);
    goOn();
    expect(await redriven).toEqual({ done: 0, failed: [] });
    expect([await outcomes([id]), s.effects]).toEqual([['discarded'], []]);
  });

  it('comes too late, where the redrive has had the effect before it lost its lease', async () => {
    const { id, goOn, redriven } = await standing('after');
    await expire();
    expect(await discardDeadLetter(s.service.appPool, id, 'operator', 'no')).toBe(false);
    goOn();
    expect(await redriven).toEqual({ done: 1, failed: [] });
    expect([await outcomes([id]), s.effects]).toEqual([['redriven'], ['1']]);
  });

  it('decides over a redrive that fails only afterwards', async () => {
    await park(s.service.appPool, s.group, received(1), 'odd', true);
    const [letter] = await open();
    const redriven = await redrive(async () => {
      await expire();
      await discardDeadLetter(s.service.appPool, letter!.id, 'operator', 'no');
      throw new Error('too late');
    });
    expect(redriven).toEqual({ done: 0, failed: [] });
    expect(await readDeadLetter(s.service.appPool, letter!.id)).toMatchObject({ outcome: 'discarded', reason: 'odd' });
  });

  it('can discard each copy of a message, also where none can be redriven', async () => {
    for (const offset of [1n, 2n]) await park(s.service.appPool, s.group, received(1, { offset }), 'odd', true);
    const ids = (await open()).map(({ id }) => id);
    for (const id of ids) expect(await discardDeadLetter(s.service.appPool, id, 'operator', 'no')).toBe(true);
    expect([await take(1), s.effects]).toEqual([false, []]);
  });
});

describe('whoever dies', () => {
  /** Ends what is under way where the failpoint is, once. */
  function dieAt(name: string): void {
    Reflect.set(globalThis, HOOK, (reached: string) => {
      if (reached !== name) return;
      Reflect.deleteProperty(globalThis, HOOK);
      throw Object.assign(new Error('killed'), { code: 'ECONNRESET' });
    });
  }

  it.each(['redrive.handled', 'redrive.done'])('in a redrive at %s: the next one ends it, with one effect', async (failpoint) => {
    for (const n of [1, 2]) await park(s.service.appPool, s.group, received(n), 'odd', true);
    const ids = (await open()).map(({ id }) => id);
    dieAt(failpoint);
    await expect(redrive()).rejects.toThrow('killed');
    await s.service.ownerPool.query(`UPDATE dead_letters SET leased_until = '-infinity' WHERE group_name = $1`, [s.group]);
    await redrive();
    expect([await outcomes(ids), s.effects]).toEqual([['redriven', 'redriven'], ['1', '2']]);
  });

  it('after it has discarded a letter: asking again finds it done', async () => {
    await park(s.service.appPool, s.group, received(1), 'odd', true);
    const [letter] = await open();
    dieAt('letter.discarded');
    await expect(discardDeadLetter(s.service.appPool, letter!.id, 'operator', 'no')).rejects.toThrow('killed');
    expect([await outcomes([letter!.id]), await take(1)]).toEqual([['discarded'], false]);
  });

  it('after it has parked a message: delivered again it is parked once, with its reason', async () => {
    dieAt('letter.parked');
    await consume('park', (text) => text === '1');
    await s.log.send([note(s.topic, 'k', 1), note(s.topic, 'k', 2), note(s.topic, 'other', 3)]);
    await eventually(() => expect(s.effects).toEqual(['3']));
    expect((await open()).map(({ message, reason, first }) => [message.id, reason, first])).toEqual([['k#1', 'Error: odd', true], ['k#2', 'waits behind a parked message of its key', false]]);
  });

  it.each(['halt.recorded', 'halt.discarded', 'halt.cleared'])('at %s: the message is passed over once it is discarded, without effect', async (failpoint) => {
    dieAt(failpoint);
    await consume('stop', (text) => text === '1');
    await s.log.send([note(s.topic, 'k', 1), note(s.topic, 'k', 2)]);
    const [halt] = await eventually(async () => {
      const halts = await listHalts(s.service.appPool, s.group);
      expect(halts).toHaveLength(1);
      return halts;
    });
    await eventually(() => expect(worker!.consumer?.state()).toBe('halted'));
    await discardHalt(s.service.appPool, halt!.id, 'operator', 'no').catch((error: Error) => expect(error.message).toBe('killed'));
    await eventually(async () => expect([s.effects, await listHalts(s.service.appPool, s.group)]).toEqual([['2'], []]));
    expect(await take(1)).toBe(false);
  });
});
