import { randomUUID } from 'node:crypto';
import { RewardService, SubmissionService, TaskService } from '@skein/contracts/arena';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Neighbours } from './neighbours.js';
import { type DataSets, proposal, uploadSets } from './proposals.js';
import { OPERATOR, type Person, type Stage, person, stage } from './stage.js';

let s: Stage;
let neighbours: Neighbours;
let partner: Person;
let node: Person;
let validators: Person[];
let sets: DataSets;

beforeAll(async () => {
  neighbours = await Neighbours.start();
  s = await stage(neighbours.url);
  [partner, node, ...validators] = (await Promise.all([1, 11, 21, 22].map((n) => person(n)))) as [Person, Person, ...Person[]];
  sets = await uploadSets(s, partner);
});
afterAll(async () => {
  await s?.close();
  await neighbours?.close();
});

const until = (check: () => Promise<void>) => eventually(check, { timeoutMs: 20_000, everyMs: 50 });
const operator = () => s.grpc(TaskService, OPERATOR);

/** A task that is open; its windows are as short as they can be where `schedule` says so. */
async function opened(schedule: object): Promise<string> {
  const base = proposal(sets, randomUUID());
  const { name } = await s.grpc(TaskService, partner.authorization).proposeTask({ ...base, schedule: { ...base.schedule, nodesExpected: 0, validatorsExpected: 0, ...schedule } });
  await operator().approveTask({ requestId: randomUUID(), name });
  return name;
}

async function training(schedule: object): Promise<string> {
  const task = await opened(schedule);
  await neighbours.stake(node.wallet, task, 'node', 3000);
  for (const validator of validators) await neighbours.stake(validator.wallet, task, 'validator', 3000);
  await until(async () => void (await operator().startTraining({ requestId: randomUUID(), name: task })));
  await until(async () => expect(await operator().getTask({ name: task })).toMatchObject({ epoch: 1, epochPhase: 'committing' }));
  return task;
}

const commit = (task: string) => s.grpc(SubmissionService, node.authorization).commitSubmission({ requestId: randomUUID(), task, commit: 'ab'.repeat(32) });

test('a staking window that ends without enough participants cancels the task', async () => {
  const name = await opened({ stakingSeconds: 1 });
  await until(async () => expect(await operator().getTask({ name })).toMatchObject({ status: 'cancelled', cancelReason: 'too few participants when the staking window ended' }));
});

test('silence ends every window: what was not revealed is rejected, and what has no recipient is carried over', async () => {
  const task = await training({ epochs: 1, commitSeconds: 1, revealSeconds: 1, challengeSeconds: 1 });
  const { name } = await commit(task);
  await until(async () => expect(await operator().getTask({ name: task })).toMatchObject({ status: 'finished', winner: '' }));
  expect(await s.grpc(SubmissionService).getSubmission({ name })).toMatchObject({ status: 'rejected', rule: 'not-revealed', artifactSha256: '' });
  const { epochs } = await s.grpc(RewardService).listEpochs({ parent: task });
  expect(epochs).toMatchObject([{ phase: 'closed', paidUnits: '0', lockedUnits: '0' }]);
  expect(epochs[0]!.carriedOutUnits).toBe(epochs[0]!.mintedUnits);
}, 40_000);

test('the operator cancels a task in training, and its epoch with it', async () => {
  const name = await training({});
  await operator().cancelTask({ requestId: randomUUID(), name, reason: 'the data were wrong' });
  await until(async () => expect((await s.grpc(RewardService).listEpochs({ parent: name })).epochs).toMatchObject([{ phase: 'cancelled' }]));
  await expect(commit(name)).rejects.toMatchObject({ rejection: { code: 'failed-precondition', rule: 'commit-window-closed' } });
  await expect(operator().startTraining({ requestId: randomUUID(), name })).rejects.toMatchObject({ rejection: { rule: 'task-not-open' } });
});
