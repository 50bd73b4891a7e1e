import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { CaseDecidedSchema, CaseDismissedSchema, CaseFinalisedSchema, CaseOpenedSchema, CaseService, TaskService } from '@skein/contracts/arena';
import { type EventStore, compareProjection } from '@skein/events';
import { arenaCaseId } from '@skein/kernel';
import { EVENT_STORE } from '@skein/platform';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { casesProjection } from '../src/projections/cases.projection.js';
import { Neighbours } from './neighbours.js';
import { proposal, uploadSets } from './proposals.js';
import { OPERATOR, type Person, type Stage, person, sha256, stage } from './stage.js';

const STAKE = 5_000;
const CAP = (500n * 10n ** 18n).toString();

let neighbours: Neighbours;
let s: Stage;
let partner: Person;
let accused: Person;
let reporter: Person;
let sets: Awaited<ReturnType<typeof uploadSets>>;
beforeAll(async () => {
  neighbours = await Neighbours.start();
  s = await stage(neighbours.url);
  [partner, accused, reporter] = [await person(1), await person(2), await person(3)];
  sets = await uploadSets(s, partner);
  await neighbours.judge(() => undefined);
});
afterAll(async () => {
  await s?.close();
  await neighbours?.close();
});

const cases = (authorization = OPERATOR) => s.grpc(CaseService, authorization);
const ruleOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'not refused', (error: { rejection: { rule: string } }) => error.rejection.rule);
const get = (name: string) => cases().getCase({ name });
const head = (): Promise<bigint> => s.service.get<EventStore>(EVENT_STORE).headPosition();
const open = async () => (await s.database.appPool.query('SELECT case_id, units FROM "arena_cases".decided_slash')).rows;

/** An approved task with one node's stake; `challengeSeconds` are also the time to appeal. */
async function task(challengeSeconds: number): Promise<string> {
  const { schedule, ...rest } = proposal(sets, randomUUID());
  const { name } = await s.grpc(TaskService, partner.authorization).proposeTask({ ...rest, schedule: { ...schedule, challengeSeconds } });
  await s.grpc(TaskService, OPERATOR).approveTask({ requestId: randomUUID(), name });
  await neighbours.stake(accused.wallet, name, 'node', STAKE);
  const seen = async () => (await s.database.appPool.query('SELECT 1 FROM arena_stake WHERE task_id = $1', [name.slice('tasks/'.length)])).rowCount;
  await eventually(async () => expect(await seen()).toBe(1));
  return name;
}

const accusation = (name: string, over: object = {}) => ({
  requestId: randomUUID(), task: name, role: 'node', wallet: accused.wallet, reporter: reporter.wallet, rule: 'proven-copy', evidenceSha256: sha256(name), ...over,
});

const published = (type: string, caseId: string) => neighbours.received.filter((message) => message.type === `skein.arena.case.${type}.v1` && Buffer.from(message.value).includes(caseId));

test('nobody appeals: decided when the time is over, told once, and ended as the final block says', async () => {
  const name = await task(0);
  const request = accusation(name);
  const caseId = arenaCaseId({ taskId: name.slice('tasks/'.length), role: 'node', wallet: accused.wallet, evidenceSha256: request.evidenceSha256 });
  const opened = await cases().openCase(request);
  expect(opened).toMatchObject({ name: `cases/${caseId}`, capUnits: CAP });
  // The same accusation again, by another request: the same case.
  expect(await cases().openCase({ ...request, requestId: randomUUID() })).toMatchObject({ name: opened.name, capUnits: CAP, appealDueAtMs: opened.appealDueAtMs });
  await eventually(async () => expect(await get(opened.name)).toMatchObject({ status: 'decided', units: CAP, outcome: '' }));
  await eventually(async () => expect(await open()).toEqual([{ case_id: caseId, units: CAP }]));
  const fields = { caseId, task: name, role: 'node', wallet: accused.wallet, reporter: reporter.wallet, evidenceSha256: request.evidenceSha256, rule: 'proven-copy' };
  await eventually(async () => expect(published('decided', caseId).map(({ value }) => fromBinary(CaseDecidedSchema, value))).toMatchObject([{ ...fields, units: CAP }]));
  expect(published('opened', caseId).map(({ value }) => fromBinary(CaseOpenedSchema, value))).toMatchObject([{ ...fields, capUnits: CAP, policyVersion: 1 }]);
  expect(await ruleOf(cases(accused.authorization).appealCase({ requestId: randomUUID(), name: opened.name, reason: 'late' }))).toBe('case-not-open');

  await neighbours.endCase(caseId, accused.wallet, { status: 'slashed', fromOwnerUnits: '400', fromPoolUnits: '100', toReporterUnits: '50' });
  await eventually(async () => expect(await get(opened.name)).toMatchObject({ status: 'final', outcome: 'slashed', takenUnits: '500', disagreement: '' }));
  await eventually(async () => expect(await open()).toEqual([]));
  await eventually(async () => expect(published('finalised', caseId).map(({ value }) => fromBinary(CaseFinalisedSchema, value))).toMatchObject([
    { caseId, outcome: 'slashed', fromOwnerUnits: '400', fromPoolUnits: '100', toReporterUnits: '50', blockNumber: 9n, disagreement: '' },
  ]));
});

test('an appeal keeps it from being decided; upheld, it is dismissed, and what the chain does all the same is said', async () => {
  const { name } = await cases().openCase(accusation(await task(3_600)));
  const caseId = name.slice('cases/'.length);
  expect(await ruleOf(cases().rejectAppeal({ requestId: randomUUID(), name, reason: 'x' }))).toBe('case-not-appealed');
  expect(await ruleOf(cases(reporter.authorization).appealCase({ requestId: randomUUID(), name, reason: 'x' }))).toBe('not-the-accused');
  await cases(accused.authorization).appealCase({ requestId: randomUUID(), name, reason: 'it is mine' });
  expect(await get(name)).toMatchObject({ status: 'appealed', reason: 'it is mine', units: '' });
  await cases().dismissCase({ requestId: randomUUID(), name, reason: 'scored again: no copy' });
  expect(await ruleOf(cases().dismissCase({ requestId: randomUUID(), name, reason: 'x' }))).toBe('case-ended');
  await eventually(async () => expect(published('dismissed', caseId).map(({ value }) => fromBinary(CaseDismissedSchema, value))).toMatchObject([{ reason: 'scored again: no copy', decided: false }]));
  await neighbours.endCase(caseId, accused.wallet, { status: 'slashed', fromOwnerUnits: '7' });
  await eventually(async () => expect(await get(name)).toMatchObject({ status: 'final', takenUnits: '7', disagreement: 'slashed-after-dismissal' }));
});

test('bad accusations are refused by name and change nothing', async () => {
  const name = await task(3_600);
  const before = await head();
  const unknown = `tasks/${randomUUID()}`;
  const rules = [
    ['task-not-found', accusation(unknown)],
    ['nothing-staked', accusation(name, { wallet: partner.wallet })],
    ['nothing-staked', accusation(name, { role: 'validator' })],
    ['reporter-is-accused', accusation(name, { reporter: accused.wallet })],
    ['pattern', accusation(name, { role: 'leader' })],
    ['format', accusation(name, { evidenceSha256: 'no hash' })],
  ] as const;
  for (const [rule, request] of rules) expect([rule, await ruleOf(cases().openCase(request))]).toEqual([rule, rule]);
  expect(await ruleOf(get('cases/0x12'))).toBe('resource-name');
  expect(await ruleOf(get(`cases/0x${'0'.repeat(64)}`))).toBe('not-found');
  expect(await head()).toBe(before);
  const request = accusation(name);
  await cases().openCase(request);
  expect(await ruleOf(cases().openCase({ ...request, requestId: randomUUID(), rule: 'silence' }))).toBe('case-opened-otherwise');
});

test('the end of a case that nobody opened here changes nothing, and the read model rebuilds', async () => {
  const before = await head();
  const { name } = await cases().openCase(accusation(await task(0)));
  await neighbours.endCase(`0x${'5'.repeat(64)}`, accused.wallet, { status: 'slashed' });
  await eventually(async () => expect((await get(name)).status).toBe('decided'));
  expect(await ruleOf(get(`cases/0x${'5'.repeat(64)}`))).toBe('not-found');
  expect(await head()).toBeGreaterThan(before);
  await eventually(async () => expect(await open()).toHaveLength(1));
  expect(await compareProjection(s.service.get<EventStore>(EVENT_STORE), casesProjection)).toMatchObject({ equal: true });
});
