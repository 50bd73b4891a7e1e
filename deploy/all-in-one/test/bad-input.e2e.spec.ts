// Every item of the list of bad input that must be refused by name of field and rule, with state unchanged. Here: what goes
// through the public API of the whole. Covered by the service's or lib's own spec, and not repeated here:
//
//   item                                              spec
//   1 000 random mutations, truncations, bit flips    libs/models/src/admission/admit.spec.ts
//   a reader of such a file that crashes or hangs     libs/runner/src/runner-pool.spec.ts
//   random bytes as JSON or as a gRPC request         libs/platform/test/hostile.int.spec.ts
//   NaN in an update, wrong shapes and keys of it     services/fl-aggregator/test/federation.int.spec.ts, libs/aggregation/src/update-file.spec.ts
//   an update for the wrong round, or a second one    services/fl-aggregator/test/federation.int.spec.ts
//   a vote twice, a vote's reveal that does not match services/fl-aggregator/test/{federation.int,decider}.spec.ts
//   chunks that do not match their hash               services/fl-aggregator/test/transfer.spec.ts
//   an inference with wrong shape or dtype            services/marketplace/test/marketplace.int.spec.ts
//   a declined payment, another asset                 services/billing/test/billing.int.spec.ts
//   a key without the scope                           access-matrix.e2e.spec.ts
//   hidden files as if they did not exist             canaries.e2e.spec.ts
//   the contract's own refusals                       libs/contracts-evm/test/staking.int.spec.ts
import { stakeOnTask, totalStaked } from '@skein/contracts-evm';
import { SubmissionService } from '@skein/contracts/arena';
import { StakingService } from '@skein/contracts/staking';
import { ValidatorService } from '@skein/contracts/validation';
import type { EventStore } from '@skein/events';
import { sha256Hex, utf8, uuidV8From } from '@skein/kernel';
import { perceptronOnnx } from '@skein/models';
import { EVENT_STORE, walkAccessMatrix, type AccessEntry, type ServiceName } from '@skein/platform';
import { uploadArtifact } from '@skein/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Actor } from '../../../scripts/src/demo/actor.js';
import { definitions } from '../src/services.js';
import { ArenaPlay, closePeople, model, peopleOf, STAKE } from './support/arena-play.js';
import { restTargets } from './support/calls.js';
import { proposeFederation } from './support/federation-play.js';
import { customerOf } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';
import { wrongValues } from './support/wrong-values.js';

const CONTEXTS: Readonly<Record<ServiceName, string>> = { arena: 'arena', validation: 'validation', 'fl-aggregator': 'federation', 'staking-indexer': 'staking', marketplace: 'marketplace', billing: 'billing' };
const UUID = '01900000-0000-7000-8000-000000000000';

interface Problem {
  readonly status: number;
  readonly code?: string;
  readonly field?: string;
  readonly rule?: string;
  readonly errors?: readonly { readonly field: string; readonly rule: string }[];
}

let s: TestSkein;
let play: ArenaPlay;
let partner: Actor;
let customer: string;
let federated: string;

beforeAll(async () => {
  s = await bootSkein('bad-input');
  play = new ArenaPlay(s, await peopleOf(s, { trainers: 5, validators: 3 }));
  partner = play.people.partner;
  customer = await customerOf(partner, 'bad input');
  for (const actor of play.people.validators) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  federated = await proposeFederation(partner, 'bad input');
});

afterAll(async () => {
  if (play !== undefined) closePeople(play.people);
  await s?.stop();
});

const head = (name: ServiceName): Promise<bigint> => s.skein.service(name).get<EventStore>(EVENT_STORE).headPosition();
const fresh = (label: string): string => uuidV8From('bad input', label);

async function send(verb: string, path: string, body: unknown, actor: Actor = partner, key = UUID): Promise<Problem> {
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(s.devnet.frontUrl + path, { method: verb, headers: { ...actor.headers(), 'content-type': 'application/json', ...(key === '' ? {} : { 'idempotency-key': key }) }, body: raw });
  return { ...((await response.json()) as Problem), status: response.status };
}

/** The refusal names field and rule, and the service's event log is as it was. */
async function refused(at: ServiceName, call: () => Promise<unknown>, expected: { code?: string; field?: string; rule?: unknown }): Promise<void> {
  const before = await head(at);
  const outcome = await call().then((answer) => answer, (error: unknown) => error);
  expect(outcome).toMatchObject(expected);
  expect(await head(at)).toBe(before);
}

const callerOf = ({ roles }: AccessEntry): Actor => (roles.includes('wallet') || roles.includes('anyone') ? partner : play.people.operator);

describe.each(definitions.map(({ name }) => name))('every command of %s', (name) => {
  const commands = walkAccessMatrix(definitions.find((one) => one.name === name)!.contexts).filter(({ internal, command }) => !internal && command);
  const targets = commands.flatMap((entry) => restTargets(entry.method, CONTEXTS[name]).map((target) => ({ entry, ...target })));

  test('refuses wrong types, unknown words and numbers past 64 bits in each field', async () => {
    const before = await head(name);
    for (const { entry, verb, path } of targets) {
      // What stands in the path is no field of the body.
      const inPath = entry.method.input.fields.map((field) => field.name).filter((field) => ['name', 'task', 'model', 'version', 'parent'].includes(field));
      const wrongs = wrongValues(entry.method.input, inPath);
      const answers = await Promise.all(wrongs.map(async ({ body }) => send(verb, path, body, callerOf(entry), '')));
      for (const [index, { field, rule, body }] of wrongs.entries()) {
        const { status, code, errors, ...first } = answers[index] as Problem;
        const named = (errors ?? [first]).map((one) => `${one.field} ${one.rule}`);
        expect({ call: entry.name, body, status, code, named }).toEqual({ call: entry.name, body, status: 400, code: 'invalid-argument', named: expect.arrayContaining([`${field} ${rule}`]) });
      }
    }
    expect(await head(name)).toBe(before);
  });

  test('refuses bodies that are no message, fields that are none, and missing ones', async () => {
    const before = await head(name);
    for (const { entry, verb, path } of targets) {
      const caller = callerOf(entry);
      for (const [body, rule] of [['{', 'json'], ['[]', 'type'], ['"text"', 'type'], ['{"surprise":1}', 'unknown-field']] as const) expect([entry.name, body, await send(verb, path, body, caller)]).toMatchObject([entry.name, body, { status: 400, rule }]);
      const required = await send(verb, path, '{}', caller, '');
      expect([entry.name, required]).toMatchObject([entry.name, { status: 400, code: 'invalid-argument', rule: expect.any(String), field: expect.stringMatching(/./) }]);
    }
    expect(await head(name)).toBe(before);
  });

  test('refuses a body past the limit', async () => {
    const before = await head(name);
    const long = JSON.stringify({ requestId: 'x'.repeat(2 * 1024 * 1024) });
    for (const { entry, verb, path } of targets) expect([entry.name, await send(verb, path, long, callerOf(entry))]).toMatchObject([entry.name, { status: 413, rule: expect.stringMatching(/limit|size|large/) }]);
    expect(await head(name)).toBe(before);
  });
});

describe('amounts', () => {
  const wrong = ['-1', '0', '1.5', '1e9', '', ' 1', '0x10', '1'.repeat(90)];

  test.each(wrong)('credit of %j', async (units) => {
    await refused('billing', () => send('POST', `/billing/v1/${customer}:buyCredit`, { amount: { asset: 'USD', units }, paymentMethod: 'test-card' }, partner, fresh(units)), { code: 'invalid-argument', field: expect.stringMatching(/^amount/) as unknown as string, rule: expect.any(String) });
  });

  test.each(wrong.filter((units) => units !== ''))('a spend cap of %j', async (spendCapUnits) => {
    await refused('billing', () => send('POST', `/billing/v1/${customer}/apiKeys`, { scopes: ['marketplace.infer'], spendCapUnits }, partner, fresh(spendCapUnits)), { code: 'invalid-argument', field: 'spend_cap_units', rule: expect.any(String) });
  });

  test.each(wrong)('a pool of %j', async (units) => {
    await refused('fl-aggregator', () => send('POST', `/federation/v1/${federated}:approve`, { pool: { asset: 'FLOCK', units } }, play.people.operator, fresh(units)), { code: 'invalid-argument', field: expect.stringMatching(/^pool/) as unknown as string, rule: expect.any(String) });
  });

  test.each(wrong)('a price of %j per compute unit', async (rateE15) => {
    await refused('marketplace', () => send('POST', '/marketplace/v1/models/none/versions/1:deploy', { priceRule: { floorE15: '1', rateE15, callsTarget: '1', windowMs: '1000' } }, partner, fresh(rateE15)), { code: 'invalid-argument', field: 'price_rule.rate_e15' });
  });

  test('a stake of nothing on the chain', async () => {
    const [trainer] = play.people.trainers as [Actor];
    const taskId = UUID;
    const before = await totalStaked(trainer.chain, s.book);
    await expect(stakeOnTask(trainer.chain, s.book, { taskId, role: 'node', amount: 0n })).rejects.toThrow();
    expect(await totalStaked(trainer.chain, s.book)).toBe(before);
  });
});

describe('files', () => {
  const put = async (context: string, sha256: string, bytes: Uint8Array, length?: number): Promise<Problem> => {
    const response = await fetch(`${s.devnet.frontUrl}/${context}/v1/artifacts/${sha256}`, { method: 'PUT', headers: { ...partner.headers(), 'content-type': 'application/octet-stream' }, body: new Uint8Array(bytes.subarray(0, length)) });
    return { ...((await response.json()) as Problem), status: response.status };
  };

  test.each(['arena', 'federation', 'marketplace'])('of %s: bytes that do not match their hash are not kept', async (context) => {
    const bytes = utf8(`bytes for ${context}`);
    expect(await put(context, sha256Hex(bytes), bytes.slice(0, -1))).toMatchObject({ status: 400, field: 'sha256', rule: 'hash-mismatch' });
    expect(await put(context, 'no-hash', bytes)).toMatchObject({ status: 400, field: 'sha256', rule: 'format' });
    expect((await fetch(`${s.devnet.frontUrl}/${context}/v1/artifacts/${sha256Hex(bytes)}`, { headers: partner.headers() })).status).toBe(404);
  });
});

describe('another tenant\'s resource cannot be told from one that does not exist', () => {
  const words = async (path: string, actor: Actor, verb = 'GET', body?: object): Promise<object> => {
    const init = verb === 'GET' ? {} : { body: JSON.stringify(body), method: verb };
    const response = await fetch(s.devnet.frontUrl + path, { ...init, headers: { ...actor.headers(), 'idempotency-key': UUID, ...(verb === 'GET' ? {} : { 'content-type': 'application/json' }) } });
    return { ...((await response.json()) as object), correlationId: '', httpStatus: response.status };
  };
  const cases: [string, string, object?][] = [
    ['GET', '/billing/v1/CUSTOMER'],
    ['GET', '/billing/v1/CUSTOMER/balance'],
    ['GET', '/billing/v1/CUSTOMER/charges'],
    ['GET', '/billing/v1/CUSTOMER/apiKeys'],
    ['POST', '/billing/v1/CUSTOMER:buyCredit', { amount: { asset: 'USD', units: '5' }, paymentMethod: 'test-card' }],
    ['POST', '/billing/v1/CUSTOMER/apiKeys', { scopes: ['billing.read'] }],
  ];

  test.each(cases)('%s %s', async (verb, template, body) => {
    const stranger = play.people.trainers[0] as Actor;
    const before = await head('billing');
    const [theirs, missing] = await Promise.all([customer, `customers/${UUID}`].map((name) => words(template.replace('CUSTOMER', name), stranger, verb, body)));
    expect(theirs).toEqual(missing);
    expect(theirs).toMatchObject({ httpStatus: 404, code: 'not-found' });
    expect(await head('billing')).toBe(before);
  });
});

describe('in an epoch', () => {
  const DEADLINE_SECONDS = 6;
  const flipped = (): Uint8Array => {
    const bytes = Uint8Array.from(model(2, 5));
    const at = Buffer.from(bytes).indexOf('Gemm');
    bytes[at + 1] = (bytes[at + 1] as number) ^ 1;
    return bytes;
  };
  const three = perceptronOnnx({ layers: [{ inputs: 3, outputs: 1, weights: Float32Array.of(1, 2, 3), bias: [0] }], output: 'sigmoid' });
  const bad: readonly [what: string, bytes: Uint8Array, rule: string][] = [
    ['a truncated model', model(1, 5).slice(0, -40), 'valid-protobuf'],
    ['a model with one byte flipped', flipped(), 'model-load'],
    ['a model with NaN among its weights', model(Number.NaN), 'finite-weights'],
    ['a model of wrong shapes', three, 'input-schema'],
  ];
  let task: string;
  const names: string[] = [];
  const submissions = (actor: Actor) => actor.client(SubmissionService, 'arena');

  test('a wallet is node and validator in one task: the chain refuses, and nothing is counted twice', async () => {
    task = await play.propose('bad input', { commitSeconds: DEADLINE_SECONDS });
    await play.approve(task);
    const [first] = play.people.trainers as [Actor];
    await play.stake(first, task, 'node');
    const before = await totalStaked(first.chain, s.book);
    await expect(stakeOnTask(first.chain, s.book, { taskId: task.replace('tasks/', ''), role: 'validator', amount: STAKE })).rejects.toThrow(/OtherRoleTaken/);
    expect(await totalStaked(first.chain, s.book)).toBe(before);
    await play.stakeAll(task);
    const { nodes, validators } = await play.untilPhase(task, 1, 'committing');
    expect([nodes, validators]).toEqual([5, 3]);
    const position = await partner.client(StakingService, 'staking-indexer').getPosition({ wallet: first.wallet });
    expect(position.stakes).toHaveLength(1);
  });

  test('a second commit, a commit for another epoch, and one after the deadline', async () => {
    const [first, , , , last] = play.people.trainers as Actor[] as [Actor, Actor, Actor, Actor, Actor];
    for (const [index, [, bytes]] of bad.entries()) {
      const entry = await play.competitor(play.people.trainers[index] as Actor, task).commit(task, 1, bytes);
      names.push(entry.name);
    }
    const commit = (epoch: number, label: string, actor = first) => () => submissions(actor).commitSubmission({ requestId: fresh(label), task, epoch, commit: sha256Hex(utf8(label)) });
    await refused('arena', commit(1, 'over the quota'), { code: 'resource-exhausted', rule: 'quota' });
    await refused('arena', commit(2, 'another epoch', last), { rule: expect.stringMatching(/epoch/) });
    await refused('arena', commit(1, 'a validator', play.people.validators[0]), { rule: expect.stringMatching(/node|stake/) });
    await play.untilPhase(task, 1, 'revealing');
    await refused('arena', commit(1, 'too late', last), { code: 'failed-precondition', rule: 'commit-window-closed' });
  });

  test('a reveal that does not match, of bytes that are not there, or by somebody else', async () => {
    const [first, second] = play.people.trainers as Actor[] as [Actor, Actor];
    const [, bytes] = bad[0]!;
    const artifactSha256 = await uploadArtifact(first.rest, 'arena', bytes);
    const name = names[0] as string;
    const reveal = (label: string, actor = first, change: object = {}) => () => submissions(actor).revealSubmission({ requestId: fresh(label), name, artifactSha256, salt: 'ab'.repeat(32), ...change });
    await refused('arena', reveal('another salt'), { code: 'invalid-argument', rule: 'commit-mismatch' });
    await refused('arena', reveal('bytes that nobody has', first, { artifactSha256: 'cd'.repeat(32) }), { rule: expect.stringMatching(/artifact-not-found|not-found/) });
    await uploadArtifact(second.rest, 'arena', bytes);
    await refused('arena', reveal('not the owner', second), { code: 'not-found', rule: 'submission-not-found' });
    await refused('arena', reveal('no hash', first, { salt: 'xyz' }), { code: 'invalid-argument', field: 'salt', rule: 'format' });
  });

  test('files that are no such model fall by the name of their rule, and none is scored', async () => {
    for (const [index, [, bytes]] of bad.entries()) {
      const actor = play.people.trainers[index] as Actor;
      const competitor = play.competitor(actor, task);
      await competitor.reveal(await competitor.commit(task, 1, bytes));
    }
    await play.until(task, 'its end', ({ status }) => ['finished', 'cancelled', 'failed'].includes(status));
    const page = await submissions(partner).listSubmissions({ parent: task, epoch: 1, pageSize: 20 });
    for (const [index, [what, , rule]] of bad.entries()) expect([what, page.submissions.find(({ name }) => name === names[index])]).toMatchObject([what, { status: 'rejected', rule }]);
    expect(page.submissions.map(({ finalScoreNano }) => finalScoreNano)).toEqual(bad.map(() => undefined));
  });
});
