import type { EventHeader } from '@skein/contracts/operations';
import { describe, expect, test } from 'vitest';
import { traceOf, traceTree, type AskEvents } from '../src/causal-trace.js';
import { COMMANDS } from '../src/commands/index.js';
import { run } from '../src/run.js';
import { renderTable, spanText } from '../src/table.js';

const ID = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const AT = '1763899200000';
const header = (eventId: string, type: string, causationId = '', traceparent = '') => ({ eventId, type: `skein.${type}.v1`, streamId: `${type.split('.')[1]}-${ID}`, version: 1, position: '7', correlationId: 'c-1', causationId, recordedAtMs: String(Number(AT) + eventId.length * 250), traceparent });

/** What the services answer, by path; a context's own answer first. */
const ANSWERS: Record<string, unknown> = {
  '/billing/v1/streams': { streams: [{ streamId: `customer-${ID}`, version: 3, lastType: 'skein.billing.customer.key-created.v1', begunAtMs: AT, lastAtMs: AT }], nextPageToken: '' },
  '/arena/v1/streams:read': { events: [{ header: header('e1', 'arena.task.proposed'), schemaVersion: 1, dataJson: '{"units":"12n"}', actor: 'operator' }], nextVersion: 2 },
  '/arena/v1/projections': { readers: [
    { name: 'tasks', kind: 'projection', version: 3, liveVersion: 2, position: '90', head: '100', lag: '10', state: 'outdated', active: true, rebuild: { state: 'building', version: 3, built: '40', head: '100', lag: '60', eventsPerSecond: '20', remainingMs: '3000', error: '' } },
    { name: 'publication-arena', kind: 'publication', position: '100', head: '100', lag: '0', state: 'current' },
  ] },
  '/billing/v1/consumers': { partitions: [{ group: 'billing.usage', policy: 'stop', topic: 'marketplace.usage.v1', partition: 2, committed: '5', head: '9', lag: '4', state: 'halted', reason: 'offset 5: Error: odd ledger', parked: 0 }], members: [
    { group: 'billing.usage', policy: 'stop', lag: '4', state: 'halted', ageMs: '-1' },
    { group: 'billing.accounts', policy: 'park', member: 'billing.accounts/1', process: 'node-1:4711', assignment: ['billing.party.v1/0', 'billing.party.v1/2', 'arena.task.v1/1'], lag: '3', parked: 2, state: 'behind', ageMs: '61000' },
    { group: 'billing.accounts', policy: 'park', member: 'billing.accounts/2', process: 'node-2:12', state: 'idle', ageMs: '5' },
  ] },
  '/billing/v1/deadLetters': { deadLetters: [{ id: 'h3', group: 'billing.usage', topic: 'marketplace.usage.v1', partition: 2, offset: '5', key: `call-${ID}`, messageId: 'm-1', type: 'skein.marketplace.call.ran.v1', reason: 'Error: odd ledger that cannot be booked because its units are negative', state: 'halted', atMs: AT }] },
  '/billing/v1/deadLetters:get': { deadLetter: { id: '4', group: 'billing.usage', topic: 't', partition: 2, offset: '5', key: 'k', messageId: 'm', type: 'x.v1', reason: 'Error: no', state: 'discarded', atMs: AT }, headers: { ce_id: 'm', ce_type: 'x.v1' }, value: 'AQID', valueBytes: '3', whole: true, repairs: [{ headers: { ce_type: 'y.v1' }, oversize: true, by: 'operator', reason: 'mistyped', atMs: AT }], closedBy: 'operator', closedReason: 'by hand', closedAtMs: AT },
  '/billing/v1/deadLetters:redrive': { done: 2, failed: [{ topic: 't', key: 'k', reason: 'Error: again' }], halts: 1 },
  '/billing/v1/deadLetters:discard': { done: 1 },
  '/billing/v1/deadLetters:repair': { done: 2 },
  '/billing/v1/consumers:resume': { halts: 1 },
  '/arena/v1/projections:rebuild': { rebuild: { state: 'asked' } },
  '/validation/v1/jobs': { jobs: [{ id: `validation.evaluate/${ID}`, kind: 'validation.evaluate', state: 'failed', attempts: 20, createdAtMs: AT, finishedAtMs: AT, ageMs: '200000', error: 'no runner', progressJson: '{"rows":"5n"}' }] },
  '/validation/v1/jobs:retry': { job: { id: 'j', state: 'waiting' } },
  '/federation/v1/workflows': { workflows: [{ workflow: 'federated-round', instance: `tasks/${ID}/rounds/2`, openedAtMs: AT, ageMs: '90061000', nextDueAtMs: '0', stuck: 'it has no timer and no job' }] },
  '/arena/v1/topics:plan': { changes: [{ topic: 'arena.task.v1', action: 'conflict', detail: 'has 4 partitions for ever, the manifest says 8' }, { topic: 'billing.ledger.v1', action: 'create', detail: '4 partitions, infinite' }] },
  '/arena/v1/topics:apply': { changes: [{ topic: 'billing.ledger.v1', action: 'create', detail: '4 partitions, infinite' }] },
};
const EMPTY = new Set(['streams', 'projections', 'consumers', 'deadLetters', 'jobs', 'workflows', 'events']);
const NOT_FOUND = { status: 404, code: 'not-found', rule: 'not-found', detail: 'there is no such resource', field: 'name' };

const reply = (status: number, body: unknown): Response => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status });
const asked: string[] = [];
const services = (async (input: URL, init: RequestInit) => {
  asked.push(`${init.method} ${input.pathname}${input.search} ${(init.headers as Record<string, string>)['authorization']} ${String(init.body ?? '')}`);
  const known = ANSWERS[input.pathname];
  if (known !== undefined) return reply(200, known);
  return EMPTY.has(input.pathname.split('/').at(-1) as string) ? reply(200, {}) : reply(404, NOT_FOUND);
}) as unknown as typeof fetch;

async function skein(line: string | readonly string[], options: { fetching?: typeof fetch; environment?: Record<string, string>; files?: Record<string, string>; columns?: number } = {}) {
  let [out, err, nowMs] = ['', '', 0];
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: options.columns, wait: async (ms: number) => void (nowMs += ms), nowMs: () => nowMs, uuid: () => ID };
  const surroundings = { environment: options.environment ?? { SKEIN_TOKEN: 'op_secret' }, read: (file: string) => options.files?.[file] };
  const exit = await run(typeof line === 'string' ? line.split(' ').filter(Boolean) : line, terminal, surroundings, options.fetching ?? services);
  return { exit, out, err };
}

describe('output, for people and for scripts', () => {
  test.each([
    ['streams list', 0], [`streams show task-${ID}`, 0], ['projections list', 0], ['projections rebuild tasks', 0], ['consumers', 0], ['consumers members', 0], ['consumers resume billing.usage', 0],
    ['dead-letters list', 0], ['dead-letters show billing/4', 0], ['dead-letters redrive billing.usage', 1], ['dead-letters repair billing/4 --header ce_type=y.v1 --reason mistyped', 0], ['jobs', 0], ['jobs retry j', 0], ['workflows', 0], ['workflows --stuck', 1], ['topics plan', 1], ['topics apply', 0],
  ])('%s', async (line, exit) => {
    const name = line.replace(ID, 'id').replace(/[^a-z]+/g, '-');
    const people = await skein(line);
    const scripts = await skein(`${line} --json`);
    expect([people.exit, scripts.exit]).toEqual([exit, exit]);
    expect(JSON.parse(scripts.out)).toBeTypeOf('object');
    await expect(`$ skein ${line}\n${people.out}${people.err}\n$ skein ${line} --json\n${scripts.out}${scripts.err}`).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  test('a table fits the terminal by cutting what may be cut', async () => {
    const { out } = await skein('dead-letters list', { columns: 110 });
    expect(Math.max(...out.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(110);
    expect(out).toContain('…');
    expect(out).toContain('billing/h3');
  });

  test('the help is complete', async () => {
    const { out, exit } = await skein('--help');
    expect(exit).toBe(0);
    for (const { name } of COMMANDS) expect(out).toContain(name);
    await expect(out).toMatchFileSnapshot('golden/help.txt');
    for (const { name, options } of COMMANDS) {
      const own = await skein(`${name} --help`);
      expect(own.exit).toBe(0);
      for (const option of Object.keys(options)) expect(own.out).toContain(`--${option}`);
    }
  });

  test('lines, spans', () => {
    expect(renderTable([{ title: 'a', value: (row: string) => row }], ['two\nlines'])).toBe('A\ntwo lines\n');
    expect([5n, 12_000n, 200_000n, 18_120_000n, 356_400_000n].map(spanText)).toEqual(['5 ms', '12 s', '3 min 20 s', '5 h 2 min', '4 d 3 h']);
  });
});

describe('wrong words', () => {
  test.each([
    ['', /Commands/], ['nonsense', /there is no command "nonsense"/], ['streams', /not all of it: streams list, streams show/], ['streams burn', /no command "streams burn"/],
    ['streams show', /needs STREAM/], ['streams show a b', /takes no "b"/], ['jobs --service nobody', /there is no service "nobody": arena/], ['jobs --nonsense', /--nonsense/],
    ['jobs --token op_secret', /--token/], ['streams list --limit 0', /--limit must be a whole number from 1 to 1000000, not "0"/], ['streams list --limit 1.5', /not "1.5"/], ['dead-letters show 4', /names no dead letter/],
    ['dead-letters show billing/four', /names no dead letter/], ['dead-letters discard billing/4', /--reason TEXT is required/], ['dead-letters repair billing/4 --oversize', /--reason TEXT is required/],
    ['dead-letters repair billing/4 --reason why', /say what to mend: --header NAME=VALUE, or --oversize/], ['dead-letters repair billing/4 --reason why --header ce_type', /--header must be NAME=VALUE, not "ce_type"/], ['trace task', /names no submission/], ['jobs --url nowhere', /"nowhere" is no address/], ['jobs --devnet none.json', /no file none.json/], ['jobs --token-file none', /no file none/],
  ])('skein %s', async (line, message) => {
    const { exit, out, err } = await skein(line);
    expect([exit, out + err]).toEqual([2, expect.stringMatching(message)]);
  });

  test.each([[{}, /no operator's token: set SKEIN_TOKEN/], [{ SKEIN_TOKEN: 'two words' }, /SKEIN_TOKEN holds no token/], [{ SKEIN_TOKEN: 'a\r\nb: c' }, /holds no token/]] as [Record<string, string>, RegExp][])('token from %j', async (environment, message) => {
    expect(await skein('jobs', { environment })).toMatchObject({ exit: 2, err: expect.stringMatching(message) });
  });
});

describe('address and token', () => {
  test('a file of one\'s own, or the devnet\'s, found by itself', async () => {
    const devnet = JSON.stringify({ frontUrl: 'http://127.0.0.1:9', operatorToken: 'op_devnet' });
    asked.length = 0;
    await skein('jobs --service arena', { environment: {}, files: { '.skein/devnet.json': devnet } });
    await skein('jobs --service federation --token-file t', { environment: {}, files: { t: 'op_file\n' } });
    expect(asked).toEqual(['GET /arena/v1/jobs?pageSize=1000 Bearer op_devnet ', 'GET /federation/v1/jobs?pageSize=1000 Bearer op_file ']);
  });

  test('commands carry a key, and what was asked for', async () => {
    asked.length = 0;
    await skein(['dead-letters', 'discard', 'billing/4', '--reason', 'booked by hand']);
    await skein(['dead-letters', 'repair', 'billing/h3', '--header', 'ce_type=a=b', '--header', 'ce_id=', '--oversize', '--reason', 'why']);
    expect(asked).toEqual([
      `POST /billing/v1/deadLetters:discard Bearer op_secret ${JSON.stringify({ requestId: ID, id: '4', reason: 'booked by hand' })}`,
      `POST /billing/v1/deadLetters:repair Bearer op_secret ${JSON.stringify({ requestId: ID, id: 'h3', headers: { ce_type: 'a=b', ce_id: '' }, oversize: true, reason: 'why' })}`,
    ]);
  });
});

describe('lists of more than one page', () => {
  /** Of so many rows, as the services give them: a page at a time. */
  const rowsOf = (field: string, count: number): typeof fetch => (async (url: URL) => {
    const [from, size] = [Number(url.searchParams.get('pageToken') ?? 0), Number(url.searchParams.get('pageSize'))];
    const rows = url.pathname.startsWith('/billing/') ? Array.from({ length: Math.max(0, Math.min(size, count - from)) }, (_, n) => ({ [field === 'streams' ? 'streamId' : field === 'workflows' ? 'instance' : 'id']: `one-${from + n}` })) : [];
    return reply(200, { [field]: rows, nextPageToken: rows.length > 0 && from + rows.length < count ? String(from + rows.length) : '' });
  }) as unknown as typeof fetch;
  const lists = [['dead-letters list', 'deadLetters'], ['jobs', 'jobs'], ['workflows', 'workflows'], ['streams list', 'streams']] as const;

  test.each(lists)('%s: are read to their end', async (line, field) => {
    const { exit, out, err } = await skein(line, { fetching: rowsOf(field, 2_345) });
    expect([exit, err, out.includes('one-2344'), out.split('\n').length]).toEqual([0, '', true, 2_347]);
    expect(JSON.parse((await skein(`${line} --json`, { fetching: rowsOf(field, 2_345) })).out)).toHaveLength(2_345);
  });

  test.each(lists)('%s: where they are cut, both ways of output say that there is more', async (line, field) => {
    const people = await skein(`${line} --limit 1500`, { fetching: rowsOf(field, 2_345) });
    expect([people.out.split('\n').length, people.err]).toEqual([1_502, 'more: billing has more than these 1500; --limit N shows more\n']);
    const scripts = await skein(`${line} --limit 1500 --json`, { fetching: rowsOf(field, 2_345) });
    expect([(JSON.parse(scripts.out) as object[]).length, JSON.parse(scripts.err)]).toEqual([1_500, { more: { service: 'billing', shown: 1_500 } }]);
    expect((await skein(`${line} --limit 2345`, { fetching: rowsOf(field, 2_345) })).err).toBe('');
  });

  test('events of a stream say so in JSON, too', async () => {
    const fetching = (async () => reply(200, { events: [{ header: header('e', 'arena.task.opened'), dataJson: '{}' }], nextVersion: 2 })) as unknown as typeof fetch;
    expect(JSON.parse((await skein('streams show task --json', { fetching })).err)).toEqual({ more: { service: 'arena', from: 2 } });
  });
});

describe('what takes long', () => {
  const rebuilding = (built: (poll: number) => string, state: (poll: number) => string = () => 'building'): typeof fetch => {
    let polls = 0;
    return (async (url: URL) => reply(200, url.pathname.endsWith(':rebuild') ? { rebuild: { state: 'asked' } } : { readers: [{ name: 'tasks', rebuild: { state: state((polls += 1)), built: built(polls), head: '9', remainingMs: '-1' } }] })) as unknown as typeof fetch;
  };

  test('a rebuild that nobody takes up is given up after 30 s, with what to do', async () => {
    const said = await skein('projections rebuild tasks --wait', { fetching: rebuilding(() => '0', () => 'asked') });
    expect(said).toMatchObject({ exit: 1, err: expect.stringMatching(/^asked\nskein: no worker of arena has taken up the rebuild of tasks for 30 s: is its worker process running\? Start it, and it rebuilds tasks by itself/) });
  });

  test('a rebuild that goes on is waited for however long; one that stands still for 5 min is not', async () => {
    const ended = (poll: number): string => (poll < 3_000 ? 'building' : 'done');
    expect(await skein('projections rebuild tasks --wait', { fetching: rebuilding((poll) => String(Math.floor(poll / 500)), ended) })).toMatchObject({ exit: 0, out: 'arena: tasks has been rebuilt up to 6\n' });
    expect((await skein('projections rebuild tasks --wait --json', { fetching: rebuilding(() => '4') })).err).toMatch(/has been building 4\/9.* for 5 min: see whether a worker of arena is running/);
  });

  const redriving = (...answers: (object | Response)[]): typeof fetch => (async (url: URL, init: RequestInit) => {
    if (url.pathname !== '/arena/v1/deadLetters:redrive') return reply(404, NOT_FOUND);
    asked.push(String(init.body));
    const answer = answers.shift();
    return answer instanceof Response ? answer : reply(200, answer);
  }) as unknown as typeof fetch;
  const pages = [{ done: 900, failed: [{ topic: 't', key: 'k', reason: 'odd' }], remaining: 600, nextPageToken: 'x' }, { done: 600, remaining: 0, halts: 1 }];

  test('a backlog is redriven to its end, however many calls it takes, and counted', async () => {
    asked.length = 0;
    expect(await skein('dead-letters redrive g', { fetching: redriving(...pages) })).toEqual({ exit: 1, err: 'g: 900 done, 600 left\nskein: t k failed again and stays parked: odd\n', out: 'g: 1500 done, 1 keys failed again, the halted consumer tries again\n' });
    expect(asked.map((body) => (JSON.parse(body) as { pageToken?: string }).pageToken)).toEqual([undefined, 'x']);
    expect(JSON.parse((await skein('dead-letters redrive g --json', { fetching: redriving(...pages) })).out)).toMatchObject({ done: 1_500, remaining: 0, halts: 1, failed: [{ key: 'k' }] });
  });

  test('one that is cut short tells what was done before', async () => {
    const late = reply(504, { status: 504, code: 'deadline-exceeded', rule: 'deadline', detail: 'too late', field: '' });
    expect((await skein('dead-letters redrive g', { fetching: redriving(pages[0]!, late) })).err).toContain('skein: g: 900 done, 1 keys failed again, 600 left, then: arena did not come to an end in the time that a call may take; what it has done stays done');
  });

  test('an answer that does not come in time is no service that does not run', async () => {
    const silent = (async () => Promise.reject(new DOMException('timed out', 'TimeoutError'))) as unknown as typeof fetch;
    const { exit, err } = await skein('jobs', { fetching: silent });
    expect([exit, err]).toEqual([3, expect.stringMatching(/^skein: no answer from http:\/\/127\.0\.0\.1:7400 within 60 s: Skein is there, but busy/)]);
  });
});

describe('what goes wrong on the other side', () => {
  const failing = (answer: () => Response): typeof fetch => (async () => answer()) as unknown as typeof fetch;
  const problem = (status: number, code: string, detail = '') => failing(() => reply(status, { status, code, rule: 'some-rule', detail, field: '' }));
  const refused = (async () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }))) as unknown as typeof fetch;

  test.each([
    ['nobody listens', refused, 3, /cannot reach http:\/\/127\.0\.0\.1:7400 \(ECONNREFUSED\); is Skein running there\?/],
    ['somebody else listens', failing(() => reply(200, '<html>')), 3, /not as Skein does/],
    ['somebody else refuses', failing(() => reply(404, '<html>')), 3, /HTTP 404, but not as Skein does/],
    ['a wrong token', problem(401, 'unauthenticated'), 1, /token is not accepted; set SKEIN_TOKEN/],
    ['another role', problem(403, 'permission-denied'), 1, /needs the token of the operator/],
    ['a refusal', problem(409, 'conflict', 'it is busy'), 1, /it is busy/],
  ])('%s: told once, whatever the number of services', async (_name, fetching, exit, message) => {
    const people = await skein('jobs', { fetching });
    expect([people.exit, people.err, people.err.split('\n').length]).toEqual([exit, expect.stringMatching(message), 2]);
    expect(people.err).not.toContain('op_secret');
    const scripts = await skein('jobs --json', { fetching });
    expect([scripts.exit, scripts.out, JSON.parse(scripts.err)]).toEqual([exit, '', { error: { code: expect.any(String), rule: expect.any(String), message: expect.stringMatching(message) } }]);
  });

  test('what no service knows is said so', async () => {
    expect(await skein('projections rebuild nobodys', { fetching: failing(() => reply(404, NOT_FOUND)) })).toMatchObject({ exit: 1, err: 'skein: no service has a projection nobodys\n' });
  });
});

const tracedOf = (event: ReturnType<typeof header>) => ({ ...event, position: 1n, recordedAtMs: BigInt(event.recordedAtMs) }) as unknown as EventHeader;

describe('a trace that is more than one page, or than anybody could read', () => {
  /** A log of so many events that all name the subject, a page of two at a time; nothing follows from them. */
  const many = (events: number): AskEvents => async (service, { subject, pageToken }) => {
    const from = Number(pageToken || 0);
    if (service !== 'arena' || subject === undefined) return { events: [], nextPageToken: '' };
    const page = Array.from({ length: events }, (_, n) => tracedOf(header(`e${n}`, 'arena.task.opened'))).slice(from, from + 2);
    return { events: page, nextPageToken: from + 2 < events ? String(from + 2) : '' };
  };

  test('is read to its end', async () => expect(await traceOf(many(7), ['arena'], ID)).toMatchObject({ cut: false, events: { length: 7 } }));
  test('says that it was cut', async () => expect(await traceOf(many(7), ['arena'], ID, 4)).toMatchObject({ cut: true, events: { length: 6 } }));
  test('goes on behind a page without events', async () => {
    const ask: AskEvents = async (service, { subject, pageToken }) => ({
      events: service === 'arena' && subject !== undefined && pageToken === 'later' ? [tracedOf(header('e', 'arena.task.opened'))] : [], nextPageToken: subject !== undefined && pageToken === '' ? 'later' : '',
    });
    expect((await traceOf(ask, ['arena'], ID)).events).toHaveLength(1);
  });
});

test('a trace says which services did not answer, and fails', async () => {
  const fetching = (async (url: URL) => {
    if (url.pathname.startsWith('/validation/')) return reply(503, { status: 503, code: 'unavailable', rule: 'away', detail: 'no worker', field: '' });
    return reply(200, { events: url.pathname.startsWith('/arena/') && url.searchParams.has('subject') ? [header('a', 'arena.submission.committed')] : [] });
  }) as unknown as typeof fetch;
  expect(await skein(`trace ${ID}`, { fetching })).toMatchObject({ exit: 3, out: expect.stringContaining('incomplete: validation did not answer\n'), err: 'skein: validation: validation is not available: no worker; try again\n' });
  const scripts = await skein(`trace ${ID} --json`, { fetching });
  expect([scripts.exit, JSON.parse(scripts.out)]).toMatchObject([3, { incomplete: ['validation did not answer'], events: [{ eventId: 'a' }] }]);
});

test('a trace follows causes from service to service, as a tree, whatever is delivered how often', async () => {
  const log: Record<string, ReturnType<typeof header>[]> = {
    arena: [header('a', 'arena.submission.committed', '', `00-${'f'.repeat(32)}-${'1'.repeat(16)}-01`), header('dddd', 'arena.epoch.closed', 'ccc')],
    validation: [header('bb', 'validation.evaluation.opened', 'a'), header('ccc', 'validation.verdict.agreed', 'bb')],
  };
  const ask = async (service: string, filter: { subject?: string; causationIds?: string[] }) => (log[service] ?? []).filter(({ eventId, causationId }) => (filter.subject !== undefined && eventId === 'a') || filter.causationIds?.includes(causationId));
  const trace = await traceOf(async (service, filter) => ({ events: (await ask(service, filter)).map(tracedOf), nextPageToken: '' }), ['arena'], ID);
  expect(trace.cut).toBe(false);
  expect(trace.edges).toEqual([['arena', 'validation'], ['validation', 'arena']]);
  expect(traceTree(trace).map(({ event, branch }) => branch + event.eventId)).toEqual(['a', '└─ bb', '   └─ ccc', '      └─ dddd']);
  const fetching = (async (url: URL) => {
    const service = url.pathname.split('/')[1] as string;
    return reply(200, { events: await ask(service, { ...(url.searchParams.has('subject') ? { subject: ID } : {}), causationIds: url.searchParams.getAll('causationIds') }) });
  }) as unknown as typeof fetch;
  const { exit, out } = await skein(`trace tasks/x/submissions/${ID}`, { fetching });
  expect(exit).toBe(0);
  await expect(out).toMatchFileSnapshot('golden/trace.txt');
});
