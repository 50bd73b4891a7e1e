import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import { PositionChangedSchema } from '@skein/contracts/staking';
import { uuidV8From } from '@skein/kernel';
import { MESSAGE_BYTES_MAX, type EventLog, type PublicMessage } from '@skein/messaging';
import { eventually } from '@skein/testing';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../../../libs/clients/cli/src/run.js';
import { Actor } from '../../../../scripts/src/demo/actor.js';
import type { Devnet } from '../../../../scripts/src/process/skein-process.js';
import { customerOf } from './market-play.js';

const TOPIC = 'staking.position.v1';
const TYPE = 'skein.staking.position.changed.v1';
const WAIT = { timeoutMs: 60_000, everyMs: 50 };

/** What a consumer that others may go on without has: the key is parked. */
const PARKS = { service: 'fl-aggregator', group: 'fl-aggregator.stakes', copy: 'stake_position' } as const;
/** What money follows from: the consumer stops. */
const STOPS = { service: 'arena', group: 'arena.stakes', copy: 'arena_stake_wallet' } as const;

/** A running Skein with these two services, and a way past what our own programs check before they send. */
export interface BadMessageStage {
  readonly devnetFile: string;
  readonly log: EventLog;
  readonly pools: Readonly<Record<'arena' | 'fl-aggregator', pg.Pool>>;
  /** As a stranger would, without a look at its size. */
  sendUnchecked(message: PublicMessage): Promise<void>;
  close(): Promise<void>;
}

interface Letter {
  readonly service: string;
  readonly id: string;
  readonly group: string;
  readonly state: string;
  readonly reason: string;
}

interface Kind {
  readonly name: string;
  readonly make: (good: PublicMessage) => PublicMessage;
  readonly reason: RegExp;
}

const header = (name: string, value: string) => (good: PublicMessage): PublicMessage => ({ ...good, headers: { ...good.headers, [name]: value } });
const typed = (type: string) => (good: PublicMessage): PublicMessage => ({ ...good, type, headers: { ...good.headers, ce_type: type } });

const KINDS: readonly Kind[] = [
  { name: 'undecodable bytes', make: (good) => ({ ...good, value: new Uint8Array([10, 200, 1]) }), reason: /RangeError|premature|decode/i },
  { name: 'an unknown event type', make: typed('skein.staking.position.invented.v1'), reason: /no contract of this build knows skein\.staking\.position\.invented\.v1/ },
  { name: 'an unknown major version', make: typed('skein.staking.position.changed.v2'), reason: /does not know skein\.staking\.position\.changed\.v2, only another major version/ },
  { name: 'a wrong CloudEvents header', make: header('ce_source', '/somewhere/else'), reason: /header ce_source is "\/somewhere\/else"/ },
  { name: 'a message over the limit', make: (good) => ({ ...good, value: new Uint8Array(MESSAGE_BYTES_MAX + 1) }), reason: /the message has \d+ bytes; at most 1048576/ },
];

function position(wallet: string, version: bigint, what: string): PublicMessage {
  const id = uuidV8From('bad messages', wallet, version, what);
  const value = toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet, version, stakes: [] }));
  const headers = { ce_specversion: '1.0', ce_id: id, ce_type: TYPE, ce_source: '/skein/staking/position/v1', ce_subject: `position-${wallet}`, ce_time: new Date(0).toISOString(), 'content-type': 'application/protobuf', ce_streamversion: String(version), ce_position: String(version), ce_correlationid: id };
  return { topic: TOPIC, key: `position-${wallet}`, id, type: TYPE, timeMs: 0, value, headers };
}

/** What must become of each kind of bad message, as an operator sees it by `skein`, on any event log. */
export function badMessages(name: string, open: () => Promise<BadMessageStage>): void {
  describe(`bad messages: ${name}`, () => {
    let stage: BadMessageStage;
    beforeAll(async () => {
      stage = await open();
    }, 240_000);
    afterAll(() => stage?.close());

    async function skein(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
      let [out, err] = ['', ''];
      const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: undefined, wait: () => Promise.resolve(), nowMs: () => 0, uuid: () => randomUUID() };
      const exit = await run([...args, '--devnet', stage.devnetFile], terminal, { environment: {}, read: (file) => readFileSync(file, 'utf8') });
      return { exit, out, err };
    }
    const letters = async (): Promise<Letter[]> => JSON.parse((await skein('dead-letters', 'list', '--json')).out) as Letter[];
    const versions = (wallet: string): Promise<string[]> =>
      Promise.all([PARKS, STOPS].map(async ({ service, copy }) => (await stage.pools[service].query<{ version: string }>(`SELECT version FROM ${copy} WHERE wallet = $1`, [wallet])).rows[0]?.version ?? 'none'));
    /** How often each service's group has taken the message in. */
    const taken = (id: string): Promise<number[]> =>
      Promise.all([PARKS, STOPS].map(async ({ service, group }) => (await stage.pools[service].query('SELECT FROM es_inbox WHERE consumer = $1 AND message_id = $2', [group, `${TOPIC}/${id}`])).rowCount ?? 0));

    async function seen(reason: RegExp): Promise<Letter[]> {
      const found = await eventually(async () => {
        const all = await letters();
        expect(all.map(({ service, group, state }) => ({ service, group, state }))).toEqual([
          { service: STOPS.service, group: STOPS.group, state: 'halted' },
          { service: PARKS.service, group: PARKS.group, state: 'failed' },
          { service: PARKS.service, group: PARKS.group, state: 'waits' },
        ]);
        return all;
      }, WAIT);
      for (const letter of found.slice(0, 2)) expect(letter.reason).toMatch(reason);
      return found;
    }
    /** An operator gives the message up, in both services. */
    async function discard(found: readonly Letter[]): Promise<void> {
      for (const { service, id } of found.slice(0, 2)) expect(await skein('dead-letters', 'discard', `${service}/${id}`, '--reason', 'sent wrong')).toMatchObject({ exit: 0 });
    }

    test.each(KINDS)('$name is parked with what follows it, halts where money follows, and what follows has one effect once it is seen to', async ({ name: kind, make, reason }) => {
      const wallet = `eip155:31337:0x${uuidV8From('wallet', name, kind).replaceAll('-', '').padEnd(40, '0')}`;
      const good = position(wallet, 2n, 'good');
      await stage.sendUnchecked(make(position(wallet, 1n, 'bad')));
      await stage.log.send([good]);
      const found = await seen(reason);
      expect((await skein('consumers')).out).toMatch(new RegExp(`^${STOPS.group} .* halted `, 'm'));
      const shown = await skein('dead-letters', 'show', `${PARKS.service}/${found[1]!.id}`);
      expect([shown.exit, shown.out]).toEqual([0, expect.stringMatching(reason)]);
      // As long as nothing is mended it stays, and the exit code says so.
      expect((await skein('dead-letters', 'redrive', PARKS.group)).exit).toBe(1);
      expect(await versions(wallet)).toEqual(['none', 'none']);
      await discard(found);
      await eventually(async () => expect([await letters(), await versions(wallet), await taken(good.id)]).toEqual([[], ['2', '2'], [1, 1]]), WAIT);
    });

    test('an id that was met with other content is found; the first content stands, also when the second is driven through', async () => {
      const wallet = `eip155:31337:0x${uuidV8From('wallet', name, 'twice').replaceAll('-', '').padEnd(40, '0')}`;
      const [first, after] = [position(wallet, 1n, 'first'), position(wallet, 2n, 'after')];
      await stage.log.send([first]);
      await eventually(async () => expect(await versions(wallet)).toEqual(['1', '1']), WAIT);
      const other = { ...first, value: toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet, version: 9n, stakes: [] })) };
      await stage.log.send([other, after]);
      const found = await seen(/was met before with other content; the first stands/);
      expect(await skein('dead-letters', 'redrive', PARKS.group)).toMatchObject({ exit: 0, out: expect.stringContaining('2 done') });
      await discard([found[0]!]);
      await eventually(async () => expect([await letters(), await versions(wallet), await taken(first.id), await taken(after.id)]).toEqual([[], ['2', '2'], [1, 1], [1, 1]]), WAIT);
    });

    test('fields that this build does not know are passed over', async () => {
      const wallet = `eip155:31337:0x${uuidV8From('wallet', name, 'later').replaceAll('-', '').padEnd(40, '0')}`;
      const known = position(wallet, 3n, 'later');
      // Field 1000, a text: what a later minor version may add.
      await stage.log.send([{ ...known, value: new Uint8Array([...known.value, 0xc2, 0x3e, 1, 33]) }]);
      await eventually(async () => expect([await versions(wallet), await letters()]).toEqual([['3', '3'], []]), WAIT);
    });

    test('every command of the tool answers, to people and to scripts', async () => {
      const devnet = JSON.parse(readFileSync(stage.devnetFile, 'utf8')) as Devnet;
      const owner = await Actor.create('owner', devnet.seed, devnet);
      const id = (await customerOf(owner, 'every command')).split('/').at(-1) as string;
      owner.close();
      const both = async <T = Record<string, string>[]>(...args: string[]): Promise<T> => {
        const [people, scripts] = [await skein(...args), await skein(...args, '--json')];
        // What is waited for tells people how far it is.
        expect([args, people.exit, args.includes('--wait') ? '' : people.err, scripts.exit, scripts.err]).toEqual([args, 0, '', 0, '']);
        expect(people.out).toMatch(/\S/);
        return JSON.parse(scripts.out) as T;
      };
      const stream = (await both('streams', 'list', '--service', 'billing')).find(({ streamId }) => streamId?.includes(id))?.['streamId'] as string;
      expect(await both('streams', 'show', stream)).toContainEqual(expect.objectContaining({ service: 'billing', actor: expect.stringContaining('eip155:') }));
      expect(new Set((await both('projections', 'list')).map(({ service }) => service)).size).toBe(6);
      expect(await both<object>('projections', 'rebuild', 'books', '--wait')).toMatchObject({ service: 'billing', rebuild: { state: 'done' } });
      expect(new Set((await both('consumers')).map(({ state }) => state)).has('unread')).toBe(false);
      expect((await both('consumers', 'members')).filter(({ member }) => member === '')).toEqual([]);
      expect(await both('dead-letters', 'list')).toEqual([]);
      expect(await both<object>('dead-letters', 'redrive', PARKS.group)).toMatchObject({ done: 0, failed: [] });
      expect(await both<object>('consumers', 'resume', STOPS.group)).toMatchObject({ halts: 0 });
      for (const command of [['jobs'], ['workflows'], ['workflows', '--stuck'], ['topics', 'plan'], ['topics', 'apply']]) expect(await both(...command)).toBeInstanceOf(Array);
      expect(await both<object>('trace', id)).toMatchObject({ subject: id, events: expect.arrayContaining([expect.objectContaining({ service: 'billing' })]) });
      // Refused by a service, unknown to all, wrong words.
      expect([(await skein('jobs', 'retry', 'none')).exit, (await skein('dead-letters', 'show', 'arena/999')).exit, (await skein('streams', 'burn')).exit]).toEqual([1, 1, 2]);
    });

    test('who reads is seen: each group has its members, with what they hold', async () => {
      const members = JSON.parse((await skein('consumers', 'members', '--json', '--service', 'arena')).out) as { group: string; process: string; assignment: string[]; state: string; ageMs: string }[];
      const own = members.filter(({ group }) => group === STOPS.group);
      expect(own.flatMap(({ assignment }) => assignment).filter((place) => place.startsWith(`${TOPIC}/`)).length).toBeGreaterThan(0);
      for (const { process, ageMs } of own) expect([process, Number(ageMs)]).toEqual([expect.stringMatching(/:\d+$/), expect.any(Number)]);
      expect((await skein('consumers', 'members')).out.split('\n')[0]).toMatch(/^GROUP +POLICY +PROCESS +AGE +LAG +PARKED +STATE +HOLDS$/);
    });
  });
}
