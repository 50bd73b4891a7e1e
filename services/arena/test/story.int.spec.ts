import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import {
  EpochOpenedSchema, EpochRewardedSchema, LockedRewardsDividedSchema, RewardService, ScoringRequestedSchema, SubmissionService, TaskFinishedSchema, TaskService, TrainingStartedSchema,
} from '@skein/contracts/arena';
import { type EventStore, compareProjection } from '@skein/events';
import { EVENT_STORE } from '@skein/platform';
import { differingSplits, eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitHash } from '../src/domain/submission/commit.policy.js';
import { arenaProjections } from '../src/index.js';
import { casesProjection } from '../src/projections/cases.projection.js';
import { hostile, model } from './models.js';
import { Neighbours } from './neighbours.js';
import { CANARY, proposal, uploadSets } from './proposals.js';
import { OPERATOR, type Person, type Stage, person, sha256, stage } from './stage.js';

let s: Stage;
let neighbours: Neighbours;
let partner: Person;
let nodes: Person[];
let validators: Person[];
let task: string;

beforeAll(async () => {
  neighbours = await Neighbours.start();
  s = await stage(neighbours.url);
  [partner, ...nodes] = await Promise.all([1, 11, 12, 13].map((n) => person(n))) as [Person, ...Person[]];
  validators = await Promise.all([21, 22, 23].map((n) => person(n)));
});
afterAll(async () => {
  await s?.close();
  await neighbours?.close();
});

const tasks = () => s.grpc(TaskService);
const as = (who: Person) => s.grpc(SubmissionService, who.authorization);
const until = (check: () => Promise<void>) => eventually(check, { timeoutMs: 20_000, everyMs: 50 });
const untilPhase = (epoch: number, phase: string) => until(async () => expect(await tasks().getTask({ name: task })).toMatchObject({ epoch, epochPhase: phase }));

interface Entry {
  who: Person;
  bytes: Uint8Array;
  salt: string;
  name: string;
}

async function commit(who: Person, epoch: number, bytes: Uint8Array, salt: string): Promise<Entry> {
  const hash = commitHash({ taskId: task.slice('tasks/'.length), epoch, owner: who.wallet, artifactSha256: sha256(bytes), salt });
  const { name } = await as(who).commitSubmission({ requestId: randomUUID(), task, commit: hash, epoch });
  return { who, bytes, salt, name };
}

async function reveal({ who, bytes, salt, name }: Entry): Promise<string> {
  await s.upload(who, bytes);
  return (await as(who).revealSubmission({ requestId: randomUUID(), name, artifactSha256: sha256(bytes), salt })).status;
}

const refusal = async (work: Promise<unknown>): Promise<unknown> => work.then(() => expect.fail('was not refused'), (error: { rejection: unknown }) => error.rejection);
const salt = (n: number): string => n.toString(16).padStart(64, '0');

test('stakes that arrive as messages open the first epoch', async () => {
  const request = proposal(await uploadSets(s, partner), randomUUID());
  ({ name: task } = await s.grpc(TaskService, partner.authorization).proposeTask(request));
  await s.grpc(TaskService, OPERATOR).approveTask({ requestId: randomUUID(), name: task });
  for (const [index, node] of nodes.entries()) await neighbours.stake(node.wallet, task, 'node', 3000 + 1000 * index);
  for (const validator of validators.slice(0, 2)) await neighbours.stake(validator.wallet, task, 'validator', 3000);
  await neighbours.stake(validators[2]!.wallet, task, 'validator', 4000);
  await untilPhase(1, 'committing');
  expect(await tasks().getTask({ name: task })).toMatchObject({ status: 'training', nodes: 3, validators: 3, stakeCopy: { block: { number: neighbours.block } } });
});

test('commit, reveal, admission: the copy and the hostile file fall by the name of the rule', async () => {
  await neighbours.judge((submission, { purpose }) => ({ score: submission === good.name ? (purpose === 'final' ? 800_000_000n : 767_000_000n) : 900_000_000n }));
  const bytes = model(1);
  const good = await commit(nodes[0]!, 1, bytes, salt(1));
  expect(await refusal(commit(nodes[0]!, 1, model(9), salt(9)))).toMatchObject({ code: 'resource-exhausted', rule: 'quota' });
  expect(await refusal(commit(validators[0]!, 1, model(9), salt(9)))).toMatchObject({ code: 'permission-denied', rule: 'not-a-staked-node' });
  expect(await refusal(reveal(good))).toMatchObject({ rule: 'reveal-window-not-open' });
  const copy = await commit(nodes[1]!, 1, bytes, salt(2));
  const bad = await commit(nodes[2]!, 1, hostile(), salt(3));
  await untilPhase(1, 'revealing');
  expect(await refusal(commit(nodes[0]!, 1, model(9), salt(9)))).toMatchObject({ rule: 'commit-window-closed' });
  expect(await refusal(reveal({ ...copy, salt: salt(99) }))).toMatchObject({ code: 'invalid-argument', rule: 'commit-mismatch', field: 'salt' });
  expect(await reveal(copy)).toBe('revealed');
  const hidden = await as(nodes[0]!).getSubmission({ name: copy.name });
  expect(hidden.artifactSha256).toBe('');
  await reveal(bad);
  await reveal(good);
  await until(async () => {
    const { submissions } = await as(partner).listSubmissions({ parent: task, epoch: 1 });
    expect(submissions.map(({ status, rule }) => [status, rule])).toEqual([['ranked', ''], ['rejected', 'copy'], ['rejected', 'external-data']]);
    expect(submissions[0]!.artifactSha256).toBe(sha256(bytes));
    expect(submissions[0]!.boardScoreNano).toBe(760_000_000n);
    expect(submissions[0]!.epochScoreNano).toBeUndefined();
  });
});

test('the second epoch ranks new submissions and those that stand', async () => {
  await untilPhase(2, 'committing');
  await as(nodes[0]!).markDone({ requestId: randomUUID(), task, epoch: 2 });
  expect(await refusal(commit(nodes[0]!, 2, model(5), salt(5)))).toMatchObject({ rule: 'already-done' });
  const entries = [await commit(nodes[1]!, 2, model(2), salt(6)), await commit(nodes[2]!, 2, model(3), salt(7))];
  await untilPhase(2, 'revealing');
  for (const entry of entries) await reveal(entry);
  await until(async () => expect(await tasks().getTask({ name: task })).toMatchObject({ status: 'finished' }));
  const board = await as(partner).getLeaderboard({ task });
  expect(board).toMatchObject({ epoch: 2 });
  expect(board.standings.map(({ owner, rank }) => [owner, rank])).toEqual([[nodes[1]!.wallet, 1], [nodes[2]!.wallet, 2], [nodes[0]!.wallet, 3]]);
});

test('money: minted + carried in = paid + locked + carried out, and the locked pool is divided whole', async () => {
  const rewards = s.grpc(RewardService);
  const { epochs } = await rewards.listEpochs({ parent: task });
  expect(epochs.map(({ number, phase, rewardEpoch }) => [number, phase, rewardEpoch])).toEqual([[1, 'closed', 0n], [2, 'closed', 1n]]);
  for (const e of epochs) {
    expect(BigInt(e.mintedUnits)).toBe((309_157_675_932_627_700_866_861n * 60n) / 86_400n);
    expect(BigInt(e.mintedUnits) + BigInt(e.carriedInUnits)).toBe(BigInt(e.paidUnits) + BigInt(e.lockedUnits) + BigInt(e.carriedOutUnits));
  }
  const all = (await rewards.listRewards({ parent: task })).rewards;
  const sum = (list: typeof all, units: (reward: (typeof all)[number]) => string): bigint => list.reduce((total, one) => total + BigInt(units(one)), 0n);
  const locked = epochs.reduce((total, one) => total + BigInt(one.lockedUnits), 0n);
  expect(sum(all, (one) => one.lockedUnits)).toBe(locked);
  for (const { number, paidUnits } of epochs) expect(sum(all.filter(({ epoch }) => epoch === number), (one) => one.paidUnits)).toBe(BigInt(paidUnits));
  const [first] = all.filter(({ epoch, rank }) => epoch === 0 && rank === 1);
  expect(first).toMatchObject({ wallet: nodes[1]!.wallet, role: 'node' });
  expect(first!.vestingStartMs > 0n && first!.vestingDurationMs === 10_000n).toBe(true);
  const own = await rewards.getWalletRewards({ wallet: validators[2]!.wallet });
  expect(own.rewards.map(({ epoch, shareE18, stakeShareE18 }) => [epoch, shareE18, stakeShareE18])).toEqual([
    [1, '400000000000000000', '400000000000000000'],
    [2, '1200000000000000000', '1200000000000000000'],
  ]);
});

test('exact scores are disclosed at the end, the winner is named', async () => {
  const winner = await tasks().getTask({ name: task });
  const { submissions } = await as(partner).listSubmissions({ parent: task });
  const ranked = submissions.filter(({ finalRank }) => finalRank > 0);
  expect(ranked.map(({ owner, finalRank, finalScoreNano }) => [owner, finalRank, finalScoreNano])).toEqual([
    [nodes[0]!.wallet, 3, 800_000_000n],
    [nodes[1]!.wallet, 1, 900_000_000n],
    [nodes[2]!.wallet, 2, 900_000_000n],
  ]);
  expect(winner.winner).toBe(ranked[1]!.name);
});

test('the topics tell the same story', async () => {
  const of = (type: string) => neighbours.received.filter((message) => message.type === type);
  await until(async () => expect(of('skein.arena.vesting.started.v1')).toHaveLength(1));
  const rewarded = of('skein.arena.epoch.rewarded.v1').map(({ value }) => fromBinary(EpochRewardedSchema, value));
  expect(rewarded.map(({ epoch }) => epoch)).toEqual([1, 2]);
  const divided = fromBinary(LockedRewardsDividedSchema, of('skein.arena.locked-rewards.divided.v1')[0]!.value);
  expect(BigInt(divided.lockedUnits)).toBe(rewarded.reduce((total, { lockedUnits }) => total + BigInt(lockedUnits), 0n));
  const finished = fromBinary(TaskFinishedSchema, of('skein.arena.task.finished.v1')[0]!.value);
  expect(finished.winner).toMatchObject({ owner: nodes[1]!.wallet, rank: 1, scoreNano: 900_000_000n });
  expect(finished.winnerValidators).toHaveLength(3);
  expect(of('skein.arena.submission.rejected.v1')).toHaveLength(2);
});

test('every decision on stakes names the final block that they are as of', () => {
  const schemas = {
    'skein.arena.training.started.v1': TrainingStartedSchema,
    'skein.arena.epoch.opened.v1': EpochOpenedSchema,
    'skein.arena.scoring.requested.v1': ScoringRequestedSchema,
    'skein.arena.epoch.rewarded.v1': EpochRewardedSchema,
  } as const;
  const decided = neighbours.received.flatMap(({ type, value }) => (type in schemas ? [{ type, block: fromBinary(schemas[type as keyof typeof schemas], value).stakeBlock }] : []));
  const block = expect.objectContaining({ number: neighbours.block, hash: `0x${neighbours.block.toString(16).padStart(64, '0')}` });
  expect(new Set(decided.map(({ type }) => type))).toEqual(new Set(Object.keys(schemas)));
  for (const one of decided) expect(one).toEqual({ type: one.type, block });
});

test('no hidden row, weight or salt is in events, messages or read models', async () => {
  const { rows } = await s.database.appPool.query<{ name: string }>(`SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' OR schemaname LIKE 'arena\\_%'`);
  const weight = Buffer.from(new Float32Array([1, 1]).buffer).toString('hex');
  const messages = neighbours.received.map(({ value, headers }) => Buffer.from(value).toString('latin1') + JSON.stringify(headers));
  for (const { name } of rows) {
    const { rows: texts } = await s.database.appPool.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`);
    messages.push(...texts.map(({ text }) => text));
  }
  expect(messages.length).toBeGreaterThan(50);
  for (const secret of [CANARY, weight, salt(1), salt(2)]) expect(messages.filter((text) => text.includes(secret))).toEqual([]);
});

test('every read model, rebuilt from the log, equals the live one', async () => {
  for (const projection of arenaProjections) {
    const compared = await compareProjection(s.service.get<EventStore>(EVENT_STORE), projection);
    expect(compared).toMatchObject({ projection: projection.name, equal: true, differences: [] });
    // Nobody is accused in this story; `cases.int.spec.ts` compares slashes.
    expect(compared.rows > 0).toBe(projection !== casesProjection);
  }
});

test('submissions come to the same rows over any split of the log', async () => {
  const log = await s.service.get<EventStore>(EVENT_STORE).readAll(0n, 10_000);
  for (const projection of arenaProjections.filter(({ applyBatch }) => applyBatch)) expect(await differingSplits(s.database.appPool, projection, log)).toEqual([]);
});
