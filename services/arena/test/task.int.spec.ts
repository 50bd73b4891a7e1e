import { randomUUID } from 'node:crypto';
import { CaseService, RewardService, SubmissionService, TaskService, file_skein_arena_v1_case_service, file_skein_arena_v1_service } from '@skein/contracts/arena';
import { type EventStore, compareProjection } from '@skein/events';
import { EVENT_STORE, walkAccessMatrix } from '@skein/platform';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arenaProjections } from '../src/index.js';
import { Neighbours } from './neighbours.js';
import { type DataSets, csv, proposal, restProposal, uploadSets } from './proposals.js';
import { OPERATOR, type Person, type Stage, person, stage } from './stage.js';

let neighbours: Neighbours;
let s: Stage;
let partner: Person;
let stranger: Person;
let sets: DataSets;
beforeAll(async () => {
  neighbours = await Neighbours.start();
  s = await stage(neighbours.url);
  partner = await person(1);
  stranger = await person(2);
  sets = await uploadSets(s, partner);
});
afterAll(async () => {
  await s?.close();
  await neighbours?.close();
});

const refusal = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work;
  } catch (error) {
    return error instanceof Error && 'rejection' in error ? error.rejection : error;
  }
  throw new Error('was not refused');
};
const events = async (): Promise<bigint> => s.service.get<EventStore>(EVENT_STORE).headPosition();

describe('propose and approve', () => {
  test('over gRPC, then read with min_position', async () => {
    const client = s.grpc(TaskService, partner.authorization);
    const { name, receipt } = await client.proposeTask(proposal(sets, randomUUID()));
    expect(name).toMatch(/^tasks\/[0-9a-f-]{36}$/);
    const draft = await client.getTask({ name, minPosition: receipt!.position });
    expect(draft).toMatchObject({ status: 'draft', creator: partner.wallet, title: 'Odd or even', policyVersion: 0 });
    expect(draft.rules).toMatchObject({ quorum: 2, gammaPpm: 250_000, qPpm: 500_000, paidBps: 1_000, nodeStakeMinUnits: (3_000n * 10n ** 18n).toString() });
    const approved = await s.grpc(TaskService, OPERATOR).approveTask({ requestId: randomUUID(), name });
    expect(approved.policyVersion).toBe(1);
    expect(await client.getTask({ name, minPosition: approved.receipt!.position })).toMatchObject({ status: 'open', policyVersion: 1 });
  });

  test('over REST, with the key in a header; the list is newest first', async () => {
    const key = randomUUID();
    const send = () => s.rest('POST', '/arena/v1/tasks', { body: restProposal(sets), authorization: partner.authorization, key });
    const first = await send();
    expect(first).toMatchObject({ status: 200 });
    expect((await send()).json['name']).toBe(first.json['name']);
    const name = String(first.json['name']);
    const approved = await s.rest('POST', `/arena/v1/${name}:approve`, { body: {}, authorization: OPERATOR, key: randomUUID() });
    expect(approved).toMatchObject({ status: 200, json: { policyVersion: 1 } });
    const { position } = approved.json['receipt'] as { position: string };
    const { json } = await s.rest('GET', `/arena/v1/tasks?pageSize=1&minPosition=${position}`);
    expect(json['tasks']).toMatchObject([{ name, status: 'open' }]);
    const next = await s.rest('GET', `/arena/v1/tasks?pageSize=1&pageToken=${String(json['nextPageToken'])}`);
    expect((next.json['tasks'] as { name: string }[])[0]!.name).not.toBe(name);
  });

  test('one key, two payloads: a conflict', async () => {
    const requestId = randomUUID();
    const client = s.grpc(TaskService, partner.authorization);
    await client.proposeTask(proposal(sets, requestId));
    expect(await refusal(client.proposeTask({ ...proposal(sets, requestId), title: 'Another' }))).toMatchObject({ code: 'conflict', rule: 'idempotency-key-reused' });
  });

  test('a task and its read model survive a restart', async () => {
    const { name } = await s.grpc(TaskService, partner.authorization).proposeTask(proposal(sets, randomUUID()));
    await s.restart();
    await eventually(async () => expect((await s.grpc(TaskService).getTask({ name })).status).toBe('draft'));
  });
});

describe('refusals name field and rule and change nothing', () => {
  const cases: [string, (sets: DataSets) => Record<string, unknown>, { field: string; rule: string }][] = [
    ['an artifact that nobody uploaded', (d) => ({ dataSets: { ...d, heldBackSha256: 'ab'.repeat(32) } }), { field: 'data_sets.held_back_sha256', rule: 'artifact-not-found' }],
    ['a hash that is none', (d) => ({ dataSets: { ...d, heldBackSha256: 'xyz' } }), { field: 'data_sets.held_back_sha256', rule: 'format' }],
    ['one file twice', (d) => ({ dataSets: { ...d, heldBackSha256: d.trainingSha256 } }), { field: 'data_sets.held_back_sha256', rule: 'data-sets-disjoint' }],
    ['another number of features', () => ({ schema: { input: { shape: [3] }, output: { shape: [1] } } }), { field: 'data_sets.training_sha256', rule: 'feature-count' }],
    ['no rotating set', (d) => ({ dataSets: { ...d, rotatingSha256: [] } }), { field: 'data_sets.rotating_sha256', rule: 'min-items' }],
    ['no title', () => ({ title: '' }), { field: 'title', rule: 'required' }],
    ['no metric', () => ({ metric: 0 }), { field: 'metric', rule: 'required' }],
    ['zero epochs', () => ({ schedule: { ...proposal(sets, '').schedule, epochs: 0 } }), { field: 'schedule.epochs', rule: 'required' }],
    ['γ over one half', () => ({ rules: { ...proposal(sets, '').rules, gammaPpm: 500_001 } }), { field: 'rules.gamma_ppm', rule: 'max' }],
    ['a quorum that cannot be reached', () => ({ rules: { ...proposal(sets, '').rules, quorum: 4 } }), { field: 'rules.quorum', rule: 'quorum-at-most-validators' }],
    ['an unknown slashing policy', () => ({ rules: { ...proposal(sets, '').rules, slashingPolicy: 'harsh' } }), { field: 'rules.slashing_policy', rule: 'known-policy' }],
  ];
  test.each(cases)('%s', async (_, broken, expected) => {
    const before = await events();
    const request = { ...proposal(sets, randomUUID()), ...broken(sets) };
    expect(await refusal(s.grpc(TaskService, partner.authorization).proposeTask(request))).toMatchObject({ code: 'invalid-argument', ...expected });
    expect(await events()).toBe(before);
  });

  test('sets that share a row', async () => {
    const overlapping = await s.upload(partner, csv(105, 5));
    const request = proposal({ ...sets, heldBackSha256: overlapping }, randomUUID());
    expect(await refusal(s.grpc(TaskService, partner.authorization).proposeTask(request))).toMatchObject({ rule: 'data-sets-disjoint', field: 'data_sets.held_back_sha256' });
  });

  test('somebody else’s files look like files that do not exist', async () => {
    expect(await refusal(s.grpc(TaskService, stranger.authorization).proposeTask(proposal(sets, randomUUID())))).toMatchObject({ rule: 'artifact-not-found' });
  });

  test('who may approve and cancel', async () => {
    const { name } = await s.grpc(TaskService, partner.authorization).proposeTask(proposal(sets, randomUUID()));
    const at = { requestId: randomUUID(), name };
    expect(await refusal(s.grpc(TaskService, partner.authorization).approveTask(at))).toMatchObject({ code: 'permission-denied' });
    expect(await refusal(s.grpc(TaskService).approveTask(at))).toMatchObject({ code: 'unauthenticated' });
    const cancel = { requestId: randomUUID(), name, reason: 'no longer needed' };
    expect(await refusal(s.grpc(TaskService, stranger.authorization).cancelTask(cancel))).toMatchObject({ code: 'permission-denied', rule: 'not-the-creator' });
    const { receipt } = await s.grpc(TaskService, partner.authorization).cancelTask(cancel);
    expect(await s.grpc(TaskService).getTask({ name, minPosition: receipt!.position })).toMatchObject({ status: 'cancelled', cancelReason: 'no longer needed' });
    expect(await refusal(s.grpc(TaskService, OPERATOR).approveTask({ ...at, requestId: randomUUID() }))).toMatchObject({ code: 'failed-precondition', rule: 'task-not-draft' });
  });

  test('names and tasks that are none', async () => {
    const operator = s.grpc(TaskService, OPERATOR);
    expect(await refusal(operator.getTask({ name: 'tasks/1' }))).toMatchObject({ code: 'invalid-argument', rule: 'resource-name', field: 'name' });
    expect(await refusal(operator.getTask({ name: `tasks/${randomUUID()}` }))).toMatchObject({ code: 'not-found' });
    expect(await refusal(operator.approveTask({ requestId: randomUUID(), name: `tasks/${randomUUID()}` }))).toMatchObject({ code: 'not-found' });
    expect(await refusal(operator.listTasks({ status: 'asleep' }))).toMatchObject({ rule: 'known-status', field: 'status' });
    expect(await refusal(operator.listTasks({ pageToken: 'nonsense' }))).toMatchObject({ rule: 'page-token' });
  });

  test('numbers past 64 bits and unknown words over REST', async () => {
    const send = (change: Record<string, unknown>) => s.rest('POST', '/arena/v1/tasks', { body: { ...restProposal(sets), ...change }, authorization: partner.authorization, key: randomUUID() });
    expect((await send({ metric: 'METRIC_LUCK' })).json).toMatchObject({ field: 'metric', rule: 'known-enum' });
    expect((await send({ schedule: { ...proposal(sets, '').schedule, epochs: '99999999999999999999' } })).json).toMatchObject({ field: 'schedule.epochs', rule: 'range' });
    expect((await send({ surprise: 1 })).json).toMatchObject({ field: 'surprise', rule: 'unknown-field' });
  });
});

describe('files', () => {
  test('the hidden sets are readable by nobody but their uploader, the public one by grant', async () => {
    const read = (who: Person, name: string) => s.rest('GET', `/arena/v1/artifacts/${name}`, { authorization: who.authorization });
    const { name } = await s.grpc(TaskService, partner.authorization).proposeTask(proposal(sets, randomUUID()));
    const ask = () => s.grpc(TaskService, stranger.authorization).grantTrainingSet({ requestId: randomUUID(), task: name });
    expect(await refusal(ask())).toMatchObject({ rule: 'task-not-open' });
    await s.grpc(TaskService, OPERATOR).approveTask({ requestId: randomUUID(), name });
    expect((await read(stranger, sets.trainingSha256)).status).toBe(404);
    await ask();
    expect((await read(stranger, sets.trainingSha256)).bytes).toEqual(csv(0, 20));
    for (const hidden of [...sets.rotatingSha256, sets.heldBackSha256]) {
      const [denied, unknown] = [await read(stranger, hidden), await read(stranger, 'cd'.repeat(32))];
      expect([denied.status, { ...denied.json, correlationId: '' }]).toEqual([unknown.status, { ...unknown.json, correlationId: '' }]);
    }
  });
});

test('every call is open to exactly the roles that its proto lists', async () => {
  const matrix = walkAccessMatrix([file_skein_arena_v1_service, file_skein_arena_v1_case_service]);
  expect(matrix).toHaveLength(21);
  const services = { CaseService, TaskService, SubmissionService, RewardService } as const;
  for (const { name, method, roles } of matrix)
    for (const [role, authorization] of Object.entries({ anonymous: undefined, wallet: stranger.authorization, operator: OPERATOR })) {
      const client = s.grpc(services[method.parent.name as keyof typeof services], authorization) as unknown as Record<string, (request: object) => Promise<unknown>>;
      const code = await client[method.localName]!({}).then(() => 'ok', (error: { rejection: { code: string } }) => error.rejection.code);
      const isOpen = roles.some((allowed) => allowed === 'anyone' || allowed === role);
      expect({ name, role, denied: code === 'unauthenticated' || code === 'permission-denied' }).toEqual({ name, role, denied: !isOpen });
    }
});

test('a session without the scope proposes nothing', async () => {
  const bare = await person(1, []);
  expect(await refusal(s.grpc(TaskService, bare.authorization).proposeTask(proposal(sets, randomUUID())))).toMatchObject({ code: 'permission-denied', rule: 'scope' });
});

test('the metrics name the oldest open workflow and the read models’ lag', async () => {
  const text = new TextDecoder().decode((await s.rest('GET', '/metrics')).bytes);
  expect(text).toMatch(/^workflow_oldest_open_seconds\{.*workflow="epoch".*\} 0/m);
});

test('every read model, rebuilt from the log, equals the live one', async () => {
  for (const projection of arenaProjections) {
    const compared = await compareProjection(s.service.get<EventStore>(EVENT_STORE), projection);
    expect(compared).toMatchObject({ equal: true, differences: [] });
  }
});
