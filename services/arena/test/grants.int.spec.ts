import { randomUUID } from 'node:crypto';
import { type ScoringRequested, SubmissionService, TaskService } from '@skein/contracts/arena';
import { ArenaInternalService } from '@skein/contracts/arena/internal';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { concatBytes } from '@skein/kernel';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitHash } from '../src/domain/submission/commit.policy.js';
import { model } from './models.js';
import { Neighbours } from './neighbours.js';
import { csv, proposal, uploadSets } from './proposals.js';
import { OPERATOR, type Person, type Stage, person, sha256, stage } from './stage.js';

let s: Stage;
let neighbours: Neighbours;
let node: Person;
let validator: Person;
let stranger: Person;
let request: ScoringRequested;
let submission: string;
const bytes = model(4);
const salt = '5'.repeat(64);
const LATER = BigInt(Number.MAX_SAFE_INTEGER);

beforeAll(async () => {
  neighbours = await Neighbours.start();
  s = await stage(neighbours.url);
  let partner: Person;
  [partner, node, validator, stranger] = (await Promise.all([1, 11, 21, 31].map((n) => person(n)))) as [Person, Person, Person, Person];
  let requested: ScoringRequested | undefined;
  await neighbours.judge((_, scoring) => void (requested = scoring));
  const sets = proposal(await uploadSets(s, partner), randomUUID());
  const { name: task } = await s.grpc(TaskService, partner.authorization).proposeTask({ ...sets, schedule: { ...sets.schedule, nodesExpected: 0, validatorsExpected: 0 }, rules: { ...sets.rules, quorum: 1 } });
  const operator = s.grpc(TaskService, OPERATOR);
  await operator.approveTask({ requestId: randomUUID(), name: task });
  await neighbours.stake(node.wallet, task, 'node', 3000);
  await neighbours.stake(validator.wallet, task, 'validator', 3000);
  await eventually(() => operator.startTraining({ requestId: randomUUID(), name: task }), { timeoutMs: 20_000 });
  const nodes = s.grpc(SubmissionService, node.authorization);
  const commit = commitHash({ taskId: task.slice('tasks/'.length), epoch: 1, owner: node.wallet, artifactSha256: sha256(bytes), salt });
  ({ name: submission } = await eventually(() => nodes.commitSubmission({ requestId: randomUUID(), task, commit }), { timeoutMs: 20_000 }));
  await s.upload(node, bytes);
  await nodes.revealSubmission({ requestId: randomUUID(), name: submission, artifactSha256: sha256(bytes), salt });
  request = await eventually(() => requested ?? Promise.reject(new Error('scoring has not been requested')), { timeoutMs: 20_000 });
});
afterAll(async () => {
  await s?.close();
  await neighbours?.close();
});

const grant = (over: object = {}, caller = 'validation') =>
  s.internal(ArenaInternalService, caller).grantEvaluation({ requestId: randomUUID(), scoringId: request.scoringId, task: request.task, round: 1, submission, validator: validator.wallet, expiresAtMs: LATER, ...over });
const read = async (who: Person, name: string) => (await s.rest('GET', `/arena/v1/artifacts/${name}`, { authorization: who.authorization })).status;
const rule = async (work: Promise<unknown>): Promise<string> => work.then(() => 'not refused', (error: { rejection: { rule: string } }) => error.rejection.rule);

test('the scoring request names everything validation needs', () => {
  expect(request).toMatchObject({ round: 1, purpose: 'epoch', metric: 'accuracy', consensus: 'median', quorum: 1, labelColumn: 'label', dataSetRows: 10n, inputShape: [2], outputShape: [1] });
  expect(request.submissions).toMatchObject([{ submission, owner: node.wallet, artifactSha256: sha256(bytes), order: 1 }]);
  expect(request.validators).toMatchObject([{ wallet: validator.wallet, ownUnits: (3000n * 10n ** 18n).toString() }]);
});

test('an external validator reads model and hidden set only once it has been granted them', async () => {
  const names = [sha256(bytes), request.dataSetSha256];
  for (const name of names) expect(await read(validator, name)).toBe(404);
  expect(await grant()).toMatchObject({ artifactSha256: names[0], dataSetSha256: names[1] });
  for (const name of names) {
    expect(await read(validator, name)).toBe(200);
    expect(await read(stranger, name)).toBe(404);
  }
  expect(await read(node, request.dataSetSha256)).toBe(404);
});

test('a grant that has expired is none', async () => {
  const late = await person(22);
  expect(await rule(grant({ validator: late.wallet }))).toBe('not-a-staked-validator');
  await grant({ expiresAtMs: 1n });
  expect(await read(validator, request.dataSetSha256)).toBe(404);
});

test('validation itself reads for managed validators', async () => {
  await grant({ validator: '' });
  const chunks: Uint8Array[] = [];
  for await (const { chunk } of s.internal(ArtifactInternalService, 'validation').downloadArtifact({ sha256: request.dataSetSha256 })) chunks.push(chunk);
  expect(concatBytes(...chunks)).toEqual(csv(100, 10));
});

test('nobody else hands out grants, and only for what is being scored', async () => {
  expect(await rule(grant({}, 'billing'))).toBe('service-not-allowed');
  expect(await rule(grant({ round: 2 }))).toBe('scoring-not-running');
  expect(await rule(grant({ scoringId: randomUUID() }))).toBe('scoring-not-running');
  expect(await rule(grant({ submission: `${request.task}/submissions/${randomUUID()}` }))).toBe('submission-not-found');
  expect(await rule(grant({ submission: `tasks/${randomUUID()}/submissions/${randomUUID()}` }))).toBe('resource-name');
});
