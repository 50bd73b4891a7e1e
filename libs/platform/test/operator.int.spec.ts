import { randomUUID } from 'node:crypto';
import { EVENT_STORE } from '../src/index.js';
import type { EventStore } from '@skein/events';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operatorStage, type OperatorStage } from './operator-stage.js';

/** Lists by name, and what else an answer has. */
type Row = Record<string, unknown> & { readonly [name in 'id' | 'name' | 'streamId' | 'group' | 'state' | 'key' | 'instance' | 'stuck' | 'topic' | 'action']: string } & { readonly parked: number; readonly rebuild: object };
type Answer = { readonly [list in 'streams' | 'events' | 'readers' | 'deadLetters' | 'partitions' | 'members' | 'jobs' | 'workflows' | 'changes']: Row[] } & { readonly nextPageToken: string; readonly nextVersion: number };

let s: OperatorStage;
let store: EventStore;
beforeAll(async () => {
  s = await operatorStage();
  store = s.stage.service.get<EventStore>(EVENT_STORE);
  for (const name of ['a', 'b', 'c']) await store.append(`thing-${name}`, 'none', [{ type: 'skein.test.thing.made.v1', data: { name, units: 12n } }], { correlationId: `c-${name}`, actor: 'operator' });
  await store.append('thing-a', 'exists', [{ type: 'skein.test.thing.moved.v1', data: {} }], { correlationId: 'c-a', actor: 'operator' });
  await store.append('other-1', 'none', [{ type: 'skein.test.other.made.v1', data: {} }], { correlationId: 'c-o', actor: 'operator' });
});
afterAll(() => s.close());

const get = async (path: string): Promise<Answer> => (await s.call('GET', `/test/v1/${path}`)).json as Answer;
const post = (path: string, body: Record<string, unknown>) => s.call('POST', `/test/v1/${path}`, { requestId: randomUUID(), ...body });

describe('streams', () => {
  test('are listed by prefix, the newest or the oldest first, page by page', async () => {
    const ids = async (query: string) => (await get(`streams?${query}`))['streams'].map(({ streamId }) => streamId);
    expect(await ids('prefix=thing-')).toEqual(['thing-c', 'thing-b', 'thing-a']);
    expect(await ids('prefix=thing-&oldestFirst=true')).toEqual(['thing-a', 'thing-b', 'thing-c']);
    const first = await get('streams?prefix=thing-&pageSize=2');
    const second = await get(`streams?prefix=thing-&pageSize=2&pageToken=${first['nextPageToken']}`);
    expect([first['streams'].length, second['streams'], second['nextPageToken']]).toEqual([2, [expect.objectContaining({ streamId: 'thing-a', version: 2, lastType: 'skein.test.thing.moved.v1' })], '']);
    for (const forged of ['x', Buffer.from('["1","2"]').toString('base64url'), Buffer.from('["a"]').toString('base64url')])
      expect((await s.call('GET', `/test/v1/streams?pageToken=${forged}`)).json).toMatchObject({ status: 400, rule: 'page-token' });
  });

  test('are read with their data', async () => {
    const { events, nextVersion } = await get('streams:read?streamId=thing-a');
    expect([events.length, nextVersion]).toEqual([2, 0]);
    expect(events[0]).toMatchObject({ header: { streamId: 'thing-a', version: 1, type: 'skein.test.thing.made.v1', correlationId: 'c-a' }, schemaVersion: 1, actor: 'operator', dataJson: '{"name":"a","units":"12n"}' });
    expect(await get('streams:read?streamId=thing-a&pageSize=1')).toMatchObject({ events: [{ header: { version: 1 } }], nextVersion: 2 });
    expect((await s.call('GET', '/test/v1/streams:read?streamId=none')).status).toBe(404);
  });
});

describe('projections', () => {
  const reader = async () => (await get('projections'))['readers'].find(({ name }) => name === 'seen')!;

  test('say how far they are', async () => {
    await eventually(async () => expect(await reader()).toMatchObject({ kind: 'projection', version: 1, liveVersion: 1, position: '5', head: '5', lag: '0', state: 'current', active: true }));
  });

  test('are rebuilt while they go on', async () => {
    await s.stage.database.appPool.query(`UPDATE "seen".thing SET times = 7`);
    const asked = await post('projections:rebuild', { name: 'seen' });
    expect([asked.status, asked.json['rebuild']]).toMatchObject([200, { state: expect.stringMatching(/asked|building/) }]);
    await eventually(async () => expect((await reader()).rebuild).toMatchObject({ state: 'done', built: '5', lag: '0' }));
    await eventually(async () => expect((await s.call('POST', '/test/v1/readModels:verify', {})).json).toMatchObject({ readModels: [{ name: 'seen', equal: true }] }));
    expect((await post('projections:rebuild', { name: 'nobody' })).status).toBe(404);
    expect((await s.call('POST', '/test/v1/projections:rebuild', { name: 'seen' })).json).toMatchObject({ status: 400, field: 'request_id' });
  });
});

describe('a poisoned message', () => {
  const letters = async (query = '') => (await get(`deadLetters?${query}`))['deadLetters'];
  const states = async (group: string) => (await get('consumers'))['partitions'].filter((one) => one.group === group).map(({ state, parked }) => [state, parked]);

  test('is parked with the later ones of its key, seen, redriven after the fix, with one effect', async () => {
    const topic = 'test.parked.v1';
    await s.send({ topic, key: 'k', text: 'bad one' }, { topic, key: 'k', text: 'behind it' }, { topic, key: 'l', text: 'other key' });
    await eventually(async () => expect(await letters('group=test.parked')).toMatchObject([{ state: 'failed', key: 'k', reason: 'Error: odd note', topic }, { state: 'waits', key: 'k' }]));
    const [failed] = await letters('group=test.parked');
    expect(await get(`deadLetters:get?id=${failed!.id}`)).toMatchObject({ deadLetter: { messageId: 'm-1' }, headers: { ce_id: 'm-1' }, messageJson: '"bad one"', closedBy: '' });
    expect(await states('test.parked')).toEqual([['reading', 2]]);
    expect((await post('deadLetters:redrive', { group: 'test.parked' })).json).toMatchObject({ done: 0, failed: [{ topic, key: 'k', reason: 'Error: odd note' }] });
    s.faults.broken = false;
    expect((await post('deadLetters:redrive', { group: 'test.parked' })).json).toMatchObject({ done: 2, failed: [] });
    expect((await post('deadLetters:redrive', { group: 'test.parked' })).json).toMatchObject({ done: 0 });
    expect([s.faults.effects.splice(0), await letters()]).toEqual([['other key', 'bad one', 'behind it'], []]);
    expect(await get(`deadLetters:get?id=${failed!.id}`)).toMatchObject({ deadLetter: { state: 'redriven' } });
    expect((await post('deadLetters:discard', { id: failed!.id, reason: 'late' })).json).toMatchObject({ status: 409, rule: 'dead-letter-redriven' });
  });

  test('many of them are redriven in several calls, each of which says how many are left; what failed is not tried again', async () => {
    const topic = 'test.parked.v1';
    s.faults.broken = true;
    await s.send(...['p', 'q', 'r'].flatMap((key) => [{ topic, key, text: `bad ${key}1` }, { topic, key, text: `good ${key}2` }]));
    await eventually(async () => expect(await letters()).toHaveLength(6));
    const pages: Record<string, unknown>[] = [];
    for (let pageToken: unknown = ''; pages.length === 0 || pageToken !== ''; pageToken = pages.at(-1)!['nextPageToken']) {
      if (pages.length === 1) s.faults.broken = false;
      pages.push((await post('deadLetters:redrive', { group: 'test.parked', pageSize: pages.length === 0 ? 1 : 3, pageToken })).json);
    }
    expect(pages.map(({ done, failed, remaining }) => [done, (failed as object[]).length, remaining])).toEqual([[0, 1, 4], [3, 0, 1], [1, 0, 0]]);
    expect((await post('deadLetters:redrive', { group: 'test.parked' })).json).toMatchObject({ done: 2, remaining: 0, nextPageToken: '' });
    expect([s.faults.effects.splice(0), await letters()]).toEqual([['bad q1', 'good q2', 'bad r1', 'good r2', 'bad p1', 'good p2'], []]);
    expect((await post('deadLetters:redrive', { group: 'test.parked', pageToken: 'x' })).json).toMatchObject({ status: 400, rule: 'page-token' });
  });

  test('halts a money consumer, seen beside the dead letters; the group goes on after the fix, with one effect', async () => {
    s.faults.broken = true;
    await s.send({ topic: 'test.money.v1', key: 'k', text: 'bad money' }, { topic: 'test.money.v1', key: 'l', text: 'good money' });
    await eventually(async () => expect(await letters()).toMatchObject([{ id: expect.stringMatching(/^h\d+$/), group: 'test.money', state: 'halted', reason: 'Error: odd note' }]));
    expect(await states('test.money')).toEqual([['halted', 0]]);
    expect((await get('consumers'))['members']).toMatchObject([
      { group: 'test.parked', policy: 'park', process: expect.stringMatching(/:\d+$/), assignment: ['test.parked.v1/0'], state: 'reading', ageMs: expect.stringMatching(/^\d+$/) },
      { group: 'test.money', policy: 'stop', member: '', assignment: [], lag: '2', state: 'halted', ageMs: '-1' },
    ]);
    expect((await s.stage.rest('GET', '/health/live')).json).toMatchObject({ live: true, dead: [] });
    expect((await s.stage.rest('GET', '/health/ready')).json).toMatchObject({ ready: false, waiting: ['consumer-test.money: halted'] });
    s.faults.broken = false;
    expect((await post('consumers:resume', { group: 'test.money' })).json).toEqual({ halts: 1 });
    await eventually(() => expect(s.faults.effects).toEqual(['bad money', 'good money']));
    await eventually(async () => expect([await letters(), await states('test.money'), (await s.stage.rest('GET', '/health/ready')).status]).toEqual([[], [['reading', 0]], 200]));
    s.faults.effects.splice(0);
  });

  test('is discarded with a reason that is kept; what waits behind it follows', async () => {
    const topic = 'test.parked.v1';
    s.faults.broken = true;
    await s.send({ topic, key: 'm', text: 'bad two' }, { topic, key: 'm', text: 'follows' });
    await eventually(async () => expect(await letters()).toHaveLength(2));
    const [failed] = await letters();
    expect((await post('deadLetters:discard', { id: failed!.id })).json).toMatchObject({ status: 400, field: 'reason' });
    for (const done of [1, 0]) expect((await post('deadLetters:discard', { id: failed!.id, reason: 'sent by mistake' })).json).toMatchObject({ done, failed: [] });
    expect(await get(`deadLetters:get?id=${failed!.id}`)).toMatchObject({ deadLetter: { state: 'discarded' }, closedBy: 'operator', closedReason: 'sent by mistake' });
    expect([s.faults.effects.splice(0), await letters()]).toEqual([['follows'], []]);
  });

  test('of a money consumer can be passed over by hand', async () => {
    await s.send({ topic: 'test.money.v1', key: 'k', text: 'bad again' }, { topic: 'test.money.v1', key: 'k', text: 'after it' });
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'halted' }]));
    const [halt] = await letters();
    expect(await get(`deadLetters:get?id=${halt!.id}`)).toMatchObject({ messageJson: '"bad again"' });
    expect((await post('deadLetters:discard', { id: halt!.id, reason: 'booked by hand' })).status).toBe(200);
    await eventually(async () => expect([s.faults.effects, await letters()]).toEqual([['after it'], []]));
  });

  test('that was refused before it was decoded is mended by the operator, who is kept with it, and has one effect', async () => {
    const topic = 'test.parked.v1';
    s.faults.effects.splice(0);
    await s.send({ topic, key: 'n', text: 'odd header', headers: { ce_specversion: '0.3' } }, { topic, key: 'n', text: 'behind it' });
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'failed', reason: expect.stringContaining('ce_specversion is "0.3"') }, { state: 'waits' }]));
    const [failed] = await letters();
    const mend = (body: object) => post('deadLetters:repair', { id: failed!.id, reason: 'sent by an old tool', ...body });
    expect((await mend({ headers: { ce_correlationid: 'c' } })).json).toMatchObject({ status: 400, rule: 'header-not-judged' });
    expect((await mend({ oversize: true })).json).toMatchObject({ status: 400, rule: 'cloudevents-header' });
    expect((await mend({ headers: { ce_specversion: '1.0' } })).json).toMatchObject({ done: 2, failed: [], halts: 0 });
    expect([s.faults.effects, await letters()]).toEqual([['odd header', 'behind it'], []]);
    expect(await get(`deadLetters:get?id=${failed!.id}`)).toMatchObject({
      deadLetter: { state: 'redriven' }, headers: { ce_specversion: '0.3' }, closedBy: 'operator', whole: true,
      repairs: [{ headers: { ce_specversion: '1.0' }, oversize: false, by: 'operator', reason: 'sent by an old tool' }],
    });
    expect((await mend({ headers: { ce_specversion: '1.0' } })).json).toMatchObject({ status: 409, rule: 'dead-letter-closed' });
  });

  test('so is one that money stands before', async () => {
    s.faults.effects.splice(0);
    await s.send({ topic: 'test.money.v1', key: 'k', text: 'odd money', headers: { ce_source: '/elsewhere' } });
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'halted' }]));
    const [halt] = await letters();
    expect((await post('deadLetters:repair', { id: halt!.id, reason: 'moved', headers: { ce_source: '/skein/test/money/v1' } })).json).toMatchObject({ done: 0, halts: 1 });
    await eventually(async () => expect([s.faults.effects, await letters()]).toEqual([['odd money'], []]));
  });

  test.each([
    ['POST', 'deadLetters:repair', 404, { id: '999', reason: 'no', oversize: true }], ['POST', 'deadLetters:repair', 400, { id: '1', oversize: true }],
    ['GET', 'deadLetters:get?id=999', 404], ['GET', 'deadLetters:get?id=h999', 404], ['GET', 'deadLetters:get?id=zero', 400],
    ['POST', 'deadLetters:redrive', 404, { group: 'nobody' }], ['POST', 'consumers:resume', 404, { group: 'nobody' }],
    ['POST', 'deadLetters:redrive', 400, { group: 'test.parked', key: 'k' }], ['POST', 'deadLetters:discard', 404, { id: '999', reason: 'no' }],
  ] as const)('%s %s is answered with %i', async (method, path, status, body?: object) => {
    expect((method === 'GET' ? await s.call('GET', `/test/v1/${path}`) : await post(path, { ...body })).status).toBe(status);
  });
});

test('topics: the plan names what the log lacks, applying it makes that, and then nothing is left to do', async () => {
  const actions = async (answer: Promise<Answer>) => Map.groupBy((await answer)['changes'], ({ action }) => action);
  const plan = await actions(get('topics:plan'));
  expect([plan.get('create')?.length ?? 0, plan.get('unmanaged')?.map(({ topic }) => topic)]).toEqual([expect.any(Number), ['test.money.v1', 'test.parked.v1']]);
  expect(plan.get('create')).toContainEqual({ topic: 'arena.task.v1', action: 'create', detail: expect.stringContaining('partitions') });
  expect((await post('topics:apply', {})).status).toBe(200);
  expect([...(await actions(get('topics:plan'))).keys()].sort()).toEqual(['unchanged', 'unmanaged']);
});

describe('work', () => {
  const asked = (id: string) => store.execute({
    decider: { initialState: () => 0, decide: () => ({ ok: true, value: [{ type: 'skein.test.errand.asked.v1', data: {} }] }), evolve: (state: number) => state + 1 },
    streamId: `errand-${id}`, command: () => undefined, metadata: { correlationId: 'c', actor: 'operator' }, effects: () => [{ job: { id: `errand/${id}`, kind: 'errand', payload: {} } }],
  });

  test('jobs: what failed for good says why, and is tried again on demand', async () => {
    await asked('one');
    const jobs = async (query: string) => (await get(`jobs?${query}`))['jobs'];
    await eventually(async () => expect(await jobs('state=failed')).toMatchObject([{ id: 'errand/one', kind: 'errand', state: 'failed', attempts: 2, error: 'no road', progressJson: '{"step":"1n"}' }]));
    s.faults.jobFails = false;
    expect((await post('jobs:retry', { id: 'errand/one' })).json).toMatchObject({ job: { id: 'errand/one', state: expect.stringMatching(/waiting|running|done/) } });
    await eventually(async () => expect(await jobs('kind=errand')).toMatchObject([{ state: 'done', attempts: 1 }]));
    expect((await post('jobs:retry', { id: 'errand/one' })).json).toMatchObject({ status: 409, rule: 'job-not-failed' });
    expect((await post('jobs:retry', { id: 'none' })).status).toBe(404);
    expect((await s.call('GET', '/test/v1/jobs?state=lost')).json).toMatchObject({ status: 400, rule: 'known-state' });
    await asked('two');
    const first = await get('jobs?pageSize=1');
    expect([first['jobs'][0]!.id, (await get(`jobs?pageSize=1&pageToken=${first['nextPageToken']}`))['jobs'][0]!.id]).toEqual(['errand/two', 'errand/one']);
    expect((await s.call('GET', `/test/v1/jobs?pageToken=${Buffer.from('["now","x"]').toString('base64url')}`)).json).toMatchObject({ rule: 'page-token' });
  });

  test('workflows: with a timer or a job ahead they go on, without they are stuck, overdue too', async () => {
    const { rows } = await s.stage.database.appPool.query<{ now: string }>('SELECT es_now_ms() AS now');
    const now = Number(rows[0]!.now);
    const timer = (id: string, dueMs: number) => s.stage.database.appPool.query(`INSERT INTO es_timer (id, kind, payload, due_at_ms, available_at) VALUES ($1, 'nobody', '{}', $2::bigint, to_timestamp($2::bigint / 1000.0))`, [id, dueMs]);
    const keys = { late: randomUUID(), good: randomUUID(), lost: randomUUID() };
    await Promise.all([timer(`errand-${keys.good}`, now + 60_000), timer(`errand-${keys.good}/2`, now + 90_000), timer(`${keys.late}/errand`, now - 60_000), timer(`errand-${randomUUID()}`, now)]);
    s.faults.open = Object.entries(keys).map(([name, key], at) => ({ instance: `errands/${name}`, key, openedAtMs: now - 90_000 + at }));
    expect((await get('workflows'))['workflows'].map((one) => [one.instance, one.stuck])).toEqual([
      ['errands/late', expect.stringMatching(/^its timer is \d+ s overdue$/)], ['errands/good', ''], ['errands/lost', 'it has no timer and no job'],
    ]);
    expect((await get('workflows?onlyStuck=true'))['workflows'].map((one) => one.instance)).toEqual(['errands/late', 'errands/lost']);
    const first = await get('workflows?onlyStuck=true&pageSize=1');
    expect([first['workflows'], await get(`workflows?onlyStuck=true&pageSize=1&pageToken=${first['nextPageToken']}`)]).toMatchObject([[{ instance: 'errands/late' }], { workflows: [{ instance: 'errands/lost' }], nextPageToken: '' }]);
    expect((await s.call('GET', `/test/v1/workflows?pageToken=${Buffer.from('["soon","x","y"]').toString('base64url')}`)).json).toMatchObject({ rule: 'page-token' });
    expect((await s.stage.rest('GET', '/metrics')).text).toMatch(/^workflow_oldest_open_seconds\{.*workflow="errand".*\} 9\d/m);
  });
});
