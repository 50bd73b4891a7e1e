import { fromBinary } from '@bufbuild/protobuf';
import { aggregate, batchesOf, decodeWeights, encodeWeights, holdOut, trainLogistic } from '@skein/aggregation';
import { FederatedTaskFinishedSchema } from '@skein/contracts/federation';
import { compareProjection } from '@skein/events';
import type { EventStore } from '@skein/events';
import { LocalModel } from '@skein/fl-node';
import type { NodeNotice, NodeStrategy } from '@skein/fl-node';
import { sha256Hex, unwrap } from '@skein/kernel';
import { columnMoments } from '@skein/models';
import { EVENT_STORE } from '@skein/platform';
import { RunnerPool } from '@skein/runner';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { federationProjection } from '../src/projections/federation.projection.js';
import { actor, rowsFor, stage, UNIT } from './harness.js';
import type { Actor, Stage } from './harness.js';
import { approvedTask, forward, id, manifest, playToTheEnd, publicCsv, STAKE } from './played-task.js';

let s: Stage;
let runner: RunnerPool;
let partner: Actor;
let members: Actor[];

beforeAll(async () => {
  s = await stage();
  runner = new RunnerPool({ pooledMax: 2 });
  partner = await actor('partner');
  members = await Promise.all([0, 1].map((i) => actor(`node-${i}`)));
});
afterAll(async () => {
  await runner.stop();
  await s.close();
});

const proposed = (change: object, key: string) =>
  s.rest('POST', '/federation/v1/federatedTasks', { authorization: partner.authorization, body: { manifest: manifest(change) }, key: id(key) });

const queries = async (task: string, path: string) => (await s.rest('GET', `/federation/v1/${task}${path}`)).json;
const units = (pool: Record<string, unknown>, name: string): bigint => BigInt(pool[`${name}Units`] as string);

test('six nodes play three rounds over gRPC: a saboteur is voted down, slashed and out; money adds up; the read model rebuilds', async () => {
  const task = await approvedTask(s, partner, 'story');
  const notices: NodeNotice[] = [];
  const sabotaged: number[] = [];
  const sabotage: NodeStrategy = {
    propose: async ({ round, current, honest }) => {
      // From zeros −10·w_t is no attack: it begins once the model has learned something.
      if (current.every((w) => w === 0)) return honest();
      sabotaged.push(round);
      return current.map((w) => -10 * w);
    },
  };
  const strategyOf = (index: number): NodeStrategy | undefined => (index === 0 ? sabotage : undefined);
  const outcomes = await playToTheEnd(s, runner, task, (_, notice) => notices.push(notice), strategyOf);
  expect(outcomes.slice(1)).toEqual(['finished', 'finished', 'finished', 'finished', 'finished']);
  expect(outcomes[0]).toBe(sabotaged.length > 0 ? 'excluded' : 'finished');
  const state = await eventually(async () => {
    const now = await queries(task, '');
    expect(now).toMatchObject({ phase: 'finished', roundsDone: 3, modelSha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    return now;
  }, { timeoutMs: 20_000 });
  const rounds = await eventually(async () => {
    const list = (await queries(task, '/rounds'))['rounds'] as Record<string, unknown>[];
    expect(list.map(({ status }) => status)).toEqual([1, 2, 3].map((round) => (sabotaged.includes(round) ? 'rejected' : expect.stringMatching(/accepted|rejected/))));
    return list;
  }, { timeoutMs: 20_000 });
  expect(rounds[0]).toMatchObject({ status: 'accepted', proposers: { length: 3 }, voters: { length: 3 } });
  const pool = await queries(task, '/pool');
  expect(units(pool, 'granted') + units(pool, 'slashed')).toBe(units(pool, 'paid') + units(pool, 'callers') + units(pool, 'left'));
  expect(units(pool, 'granted')).toBe(1_000n * UNIT);
  expect(units(pool, 'slashed')).toBe(sabotaged.length > 0 ? STAKE / 10n : 0n);
  await modelReadable(state);
  await readsLogged(task);
  const comparison = await compareProjection(s.service.get<EventStore>(EVENT_STORE), federationProjection);
  expect(comparison).toMatchObject({ equal: true, differences: [] });
  expect(notices.filter(({ kind }) => kind === 'refused')).toEqual([]);
}, 120_000);

/** The creator reads weights and model by grant; a stranger learns nothing. */
async function modelReadable(state: Record<string, unknown>): Promise<void> {
  for (const sha256 of [state['modelSha256'], state['weightsSha256']] as string[]) {
    const path = `/federation/v1/artifacts/${sha256}`;
    const mine = await s.rest('GET', path, { authorization: partner.authorization });
    expect([mine.status, sha256Hex(mine.bytes)]).toEqual([200, sha256]);
    expect((await s.rest('GET', path, { authorization: (await actor('stranger')).authorization })).status).toBe(404);
  }
}

async function readsLogged(task: string): Promise<void> {
  const { json, status } = await s.rest('GET', `/federation/v1/${task}/updateReads`, { authorization: s.operator });
  expect(status).toBe(200);
  const reads = json['reads'] as { round: number; reader: string }[];
  expect(reads.filter(({ round }) => round === 1)).toHaveLength(9);
  expect((await s.rest('GET', `/federation/v1/${task}/updateReads`, { authorization: partner.authorization })).status).toBe(403);
}

test('the age of the oldest open round is a metric', async () => {
  const { status, bytes } = await s.rest('GET', '/metrics');
  expect(status).toBe(200);
  expect(new TextDecoder().decode(bytes)).toMatch(/^workflow_oldest_open_seconds\{.*workflow="federated-round".*\} \d/m);
});

test('the rest of Skein hears of the finished task', async () => {
  const seen: unknown[] = [];
  const consumer = await s.log.consume({
    group: 'test', topics: ['federation.round.v1'],
    onBatch: async (batch) => {
      for (const message of batch.messages) {
        if (message.type === 'skein.federation.model.exported.v1') seen.push(fromBinary(FederatedTaskFinishedSchema, message.value));
        batch.resolve(message);
      }
    },
  });
  await eventually(() => expect(seen).toMatchObject([{ rounds: 3, creator: partner.wallet, contributors: expect.any(Array) }]), { timeoutMs: 20_000 });
  await consumer.stop();
});

test('bad input is refused by rule and field, and changes nothing', async () => {
  const task = await approvedTask(s, partner, 'bad', { participantsMax: 2, participantsMin: 2 });
  for (const { wallet } of members) await s.stake(wallet, task, STAKE, 2n);
  const [a, b] = members.slice(0, 2).map(({ authorization }) => s.clients(authorization)) as [ReturnType<Stage['clients']>, ReturnType<Stage['clients']>];
  for (const { nodes } of [a, b]) {
    const { stakeCopy } = await eventually(() => nodes.joinFederatedTask({ requestId: id(`join-${task}`), task }), { timeoutMs: 20_000 });
    expect(stakeCopy).toMatchObject({ block: { hash: `0x${'b'.repeat(64)}` }, ageSeconds: 0n });
  }
  const state = await eventually(async () => {
    const now = await a.tasks.getFederatedTask({ name: task });
    expect(now.phase).toBe('contributing');
    return now;
  }, { timeoutMs: 20_000 });
  const { json } = await eventually(async () => {
    const answer = await s.rest('GET', `/federation/v1/${task}/rounds`);
    expect(answer.json['rounds']).toHaveLength(1);
    return answer;
  }, { timeoutMs: 20_000 });
  const [round] = json['rounds'] as { proposers: { node: string }[] }[];
  const proposer = round!.proposers[0]!.node === members[0]!.wallet ? a : b;
  const voter = proposer === a ? b : a;
  const upload = async (bytes: Uint8Array): Promise<string> => (await proposer.nodes.uploadUpdate(chunked(task, bytes))).sha256;
  const specs = state.manifest!.parameters;
  const good = encodeWeights(specs, new Float64Array(9).fill(0.25));
  const submit = (sha256: string, change: object = {}) => ({ requestId: id(`submit-${sha256}-${JSON.stringify(change, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}`), task, round: 1, sha256, examples: 40n, ...change });
  const sha256 = await upload(good);
  await expect(proposer.nodes.submitContribution(submit(sha256, { round: 2 }))).rejects.toMatchObject({ rule: 'wrong-round', field: 'round' });
  await expect(proposer.nodes.submitContribution(submit(sha256, { examples: 0n }))).rejects.toMatchObject({ rule: 'examples-positive', field: 'examples' });
  await expect(proposer.nodes.submitContribution(submit(sha256, { examples: 1_001n }))).rejects.toMatchObject({ rule: 'examples-cap' });
  await expect(proposer.nodes.submitContribution(submit(sha256, { examples: 1n << 60n }))).rejects.toMatchObject({ rule: 'examples-cap' });
  await expect(voter.nodes.submitContribution(submit(sha256))).rejects.toMatchObject({ rule: 'not-drawn' });
  await expect(proposer.nodes.submitContribution(submit(sha256Hex('nobody has it')))).rejects.toMatchObject({ code: 'not-found', rule: 'artifact-not-found' });
  const nan = await upload(encodeWeights(specs, new Float64Array(9).fill(Number.NaN)));
  await expect(proposer.nodes.submitContribution(submit(nan))).rejects.toMatchObject({ rule: 'non-finite', field: 'update' });
  const shape = await upload(encodeWeights([{ name: 'w1', dims: [1, 8] }, { name: 'b1', dims: [1] }], new Float64Array(9)));
  await expect(proposer.nodes.submitContribution(submit(shape))).rejects.toMatchObject({ rule: 'update-shape' });
  const keys = await upload(encodeWeights([{ name: 'w2', dims: [8, 1] }, { name: 'b1', dims: [1] }], new Float64Array(9)));
  await expect(proposer.nodes.submitContribution(submit(keys))).rejects.toMatchObject({ rule: 'update-keys' });
  await expect(proposer.nodes.uploadUpdate(chunked(task, good, { hash: sha256Hex('x') }))).rejects.toMatchObject({ rule: 'hash-mismatch' });
  await expect(proposer.nodes.uploadUpdate(chunked(task, good, { chunk: sha256Hex('x') }))).rejects.toMatchObject({ rule: 'hash-mismatch' });
  await expect(proposer.nodes.uploadUpdate(chunked(task, new Uint8Array(100_000)))).rejects.toMatchObject({ rule: 'artifact-too-large', field: 'header.size_bytes' });
  expect((await proposer.tasks.getFederatedTask({ name: task })).phase).toBe('contributing');
  const commit = { requestId: id(`early-${task}`), task, round: 1, commit: sha256Hex('c') };
  await expect(voter.nodes.commitVote(commit)).rejects.toMatchObject({ rule: 'wrong-phase' });
  // The update is nobody's to read before contributing has closed, and never a proposer's.
  await expect(drain(voter.nodes.downloadArtifact({ task, sha256 }))).rejects.toMatchObject({ code: 'not-found' });
  const first = await proposer.nodes.submitContribution(submit(sha256));
  expect((await proposer.nodes.submitContribution(submit(sha256))).receipt?.version).toBe(first.receipt?.version);
  await expect(proposer.nodes.submitContribution({ ...submit(sha256), examples: 41n })).rejects.toMatchObject({ rule: 'idempotency-key-reused' });
  await expect(proposer.nodes.submitContribution(submit(sha256, { examples: 39n }))).rejects.toMatchObject({ rule: /duplicate-contribution|contributing-closed/ });
  await eventually(async () => expect((await voter.tasks.getFederatedTask({ name: task })).phase).toBe('committing'), { timeoutMs: 20_000 });
  expect(sha256Hex(await drain(voter.nodes.downloadArtifact({ task, sha256 })))).toBe(sha256);
  await expect(drain(proposer.nodes.downloadArtifact({ task, sha256 }))).rejects.toMatchObject({ code: 'not-found' });
  await voter.nodes.commitVote({ ...commit, requestId: id(`commit-${task}`) });
  await expect(voter.nodes.commitVote({ ...commit, requestId: id(`again-${task}`) })).rejects.toMatchObject({ rule: /wrong-phase|duplicate-vote/ });
  const reveal = { requestId: id(`reveal-${task}`), task, round: 1, score: 1, aggregateSha256: sha256Hex('c'), salt: sha256Hex('c') };
  await expect(voter.nodes.revealVote(reveal)).rejects.toMatchObject({ rule: 'reveal-mismatch' });
  await expect(voter.nodes.closePhase({ requestId: id(`close-${task}`), task, round: 1, phase: 4 })).rejects.toMatchObject({ rule: 'deadline-not-reached' });
}, 60_000);

test.each<[string, object, string, string]>([
  ['an unknown rule', { rule: { name: 'magic' } }, 'rule-unknown', 'manifest.rule.name'],
  ['a rule with state', { rule: { name: 'fedadam' } }, 'rule-not-served', 'manifest.rule.name'],
  ['an unknown parameter', { rule: { name: 'median', parameters: { f: 1 } } }, 'rule-parameter-unknown', 'f'],
  ['a minimum above the maximum', { participantsMin: 9 }, 'range', 'manifest.participants_min'],
  ['a learning rate of zero', { training: { localEpochs: 2, batch: 16, learningRate: 0, l2: 0 } }, 'range', 'manifest.training.learning_rate'],
  ['a graph that was never uploaded', { forwardSha256: sha256Hex('none') }, 'artifact-not-found', 'sha256'],
  ['a graph that is none', { forwardSha256: sha256Hex(publicCsv) }, 'onnx', ''],
])('a manifest with %s is refused', async (_, change, rule, field) => {
  const answer = await proposed(change, `bad-${rule}-${JSON.stringify(change)}`);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  if (rule !== 'onnx') expect(answer.json).toMatchObject({ rule, field });
});

test('a wallet without stake stays outside, a stranger sees no work, and an unknown task is one that does not exist', async () => {
  const task = await approvedTask(s, partner, 'outside');
  const stranger = s.clients((await actor('stranger')).authorization);
  await expect(stranger.nodes.joinFederatedTask({ requestId: id('stranger'), task })).rejects.toMatchObject({ rule: 'stake-below-threshold' });
  await expect(drain(stranger.nodes.downloadArtifact({ task, sha256: sha256Hex(forward) }))).rejects.toMatchObject({ code: 'not-found' });
  const missing = await s.rest('GET', `/federation/v1/federatedTasks/${id('nothing')}`);
  expect(missing).toMatchObject({ status: 404, json: { rule: 'not-found' } });
  expect((await s.rest('GET', '/federation/v1/federatedTasks/xyz')).status).toBe(404);
  const scopeless = s.clients((await actor('node-1', ['arena.submit'])).authorization);
  await expect(scopeless.nodes.joinFederatedTask({ requestId: id('scope'), task })).rejects.toMatchObject({ rule: 'scope' });
});

test('ONNX step graphs in a runner train as the reference arithmetic does, to 1e-6', async () => {
  const rows = rowsFor(6);
  const moments = columnMoments(rows.publicRows);
  const local = holdOut(rows.nodes[0]!);
  const model = new LocalModel(runner, forward, local, rows.publicRows);
  const training = { localEpochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4 };
  const start = Float32Array.from({ length: 9 }, (_, i) => (i - 4) / 10);
  const trained = await model.train(start, training, 'seed');
  const { features, labels, rows: count } = local.train;
  const standardised = features.map((value, i) => (value - moments.mean[i % 8]!) / moments.scale[i % 8]!);
  const reference = trainLogistic(start, { rows: count, width: 8, features: standardised, labels }, { epochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4, seed: 'seed' });
  expect(batchesOf(count, { epochs: 2, batch: 16, seed: 'seed' })).toHaveLength(reference.steps);
  reference.weights.forEach((value, k) => expect(Math.abs(trained[k]! - value)).toBeLessThan(1e-6));
});

test('what voters recompute is what the service computed: bytes of the same hash', () => {
  const specs = [{ name: 'w1', dims: [8, 1] }, { name: 'b1', dims: [1] }];
  const updates = [3, 1, 2].map((n) => ({ nodeId: `n${n}`, examples: n * 10, weights: Float32Array.from({ length: 9 }, (_, k) => Math.sin(n * 10 + k)) }));
  const hash = (order: typeof updates) => sha256Hex(encodeWeights(specs, unwrap(aggregate('fedavg', { global: new Float32Array(9), updates: order })).weights));
  expect(hash(updates)).toBe(hash([...updates].reverse()));
  expect(unwrap(decodeWeights(specs, encodeWeights(specs, updates[0]!.weights)))).toEqual(updates[0]!.weights);
});

async function drain(stream: AsyncIterable<{ chunk?: { data: Uint8Array } | undefined }>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const { chunk } of stream) parts.push(chunk!.data);
  return Buffer.concat(parts);
}

async function* chunked(task: string, bytes: Uint8Array, wrong: { hash?: string; chunk?: string } = {}) {
  yield { message: { case: 'header' as const, value: { task, sha256: wrong.hash ?? sha256Hex(bytes), sizeBytes: BigInt(bytes.length) } } };
  const half = bytes.length >> 1;
  for (const [offset, data] of [[0, bytes.subarray(0, half)], [half, bytes.subarray(half)]] as const)
    yield { message: { case: 'chunk' as const, value: { offset: BigInt(offset), data, sha256: wrong.chunk ?? sha256Hex(data) } } };
}
