import { SubmissionService, TaskService } from '@skein/contracts/arena';
import { AssignmentStatus, ValidatorService } from '@skein/contracts/validation';
import { sha256Hex, utf8 } from '@skein/kernel';
import { buildOnnx, parseOnnx, perceptronOnnx } from '@skein/models';
import { RunnerPool } from '@skein/runner';
import { uploadArtifact } from '@skein/sdk';
import { eventually, startOtlpSink, type OtlpSink } from '@skein/testing';
import type { Entry } from '@skein/trainer';
import { ExternalValidator } from '@skein/validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '../../../scripts/src/demo/actor.js';
import { CONTEXTS } from '../src/paths.js';
import { ArenaPlay, closePeople, csv, FILES, model, peopleOf } from './support/arena-play.js';
import { databaseDumps, filesOf, findings, pairForms, textForms, withPair, type Emitted } from './support/emitted.js';
import { apiKey, buyCredit, customerOf } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';

const REVEAL_SECONDS = 15;
const WAIT = { timeoutMs: 40_000, everyMs: 50 };
const WORD = 'canary-7f3a9c51-unrevealed';
const PERSON = 'canary-2b8e-person';

/** Numbers that nothing else writes; each pair stands in one hidden row, or side by side in the weights. */
const ROTATING: [number, number] = [918_273.625, 645_546.375];
const HELD_BACK: [number, number] = [736_271.125, 827_364.875];
const WEIGHTS: [number, number] = [573_911.375, 391_755.625];

const files = { training: FILES.training, rotating: withPair(FILES.rotating, ROTATING), heldBack: withPair(FILES.heldBack, HELD_BACK) };

/** A valid model whose first node, weights and layout carry canaries. */
function secretModel(): Uint8Array {
  const parsed = parseOnnx(perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: Float32Array.from(WEIGHTS), bias: [0] }], output: 'sigmoid' }));
  if (!parsed.ok) throw new Error(parsed.error.message);
  const { graph } = parsed.value;
  return buildOnnx({ ...parsed.value, graph: { ...graph, nodes: graph.nodes.map((node, index) => (index === 0 ? { ...node, name: WORD } : node)) } });
}

let sink: OtlpSink;
let s: TestSkein;
let play: ArenaPlay;
let task: string;
let runner: RunnerPool;
let external: ExternalValidator;
let secret: Entry;
const said: Emitted[] = [];
const hidden = [files.rotating, files.heldBack].map(sha256Hex);

beforeAll(async () => {
  sink = await startOtlpSink();
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_BSP_MAX_QUEUE_SIZE: '20000' });
  s = await bootSkein('canaries');
  play = new ArenaPlay(s, await peopleOf(s, { trainers: 3, validators: 3, others: ['stranger'] }));
  runner = new RunnerPool({ spares: 0 });
  const [first, second, third] = play.people.validators as [Actor, Actor, Actor];
  for (const actor of [first, second]) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  external = new ExternalValidator({ assignments: third.client(ValidatorService, 'validation'), rest: third.rest, runner, requestId: (label) => third.requestId(label), saltSecret: 'canaries' });
});

afterAll(async () => {
  await runner?.stop();
  if (play !== undefined) closePeople(play.people);
  await s?.stop();
  await sink?.stop();
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY', 'OTEL_BSP_MAX_QUEUE_SIZE']) delete process.env[name];
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Fetches, and keeps what was said, unless these are the bytes themselves. */
async function ask(path: string, actor?: Actor, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(s.devnet.frontUrl + path, { ...init, headers: { ...actor?.headers(), ...(init.headers as Record<string, string>) } });
  const text = await response.text();
  if (!(response.ok && path.includes('/artifacts/'))) said.push({ where: `answer to ${init.method ?? 'GET'} ${path}`, text: `${text}${JSON.stringify([...response.headers])}` });
  return { status: response.status, text };
}

async function refused(what: Promise<unknown>): Promise<{ rule?: string }> {
  const error = await what.then(() => undefined, (thrown: unknown) => thrown as Error & { rule?: string });
  expect(error).toBeInstanceOf(Error);
  said.push({ where: 'an error', text: `${error?.message} ${error?.stack} ${JSON.stringify(error)}` });
  return error as { rule?: string };
}

/** The file is as if it did not exist, for each of them. */
async function isNobodys(sha256: string, readers: readonly (Actor | undefined)[]): Promise<void> {
  for (const context of ['arena', 'federation', 'marketplace'])
    for (const reader of readers) {
      const [there, missing] = [await ask(`/${context}/v1/artifacts/${sha256}`, reader), await ask(`/${context}/v1/artifacts/${'cd'.repeat(32)}`, reader)];
      const words = ({ text }: Answer): object => ({ ...(JSON.parse(text) as object), correlationId: '' });
      expect([reader?.name, there.status, words(there)]).toEqual([reader?.name, missing.status, words(missing)]);
      expect([401, 403, 404]).toContain(there.status);
    }
}

const everybodyBut = (...owners: readonly Actor[]): (Actor | undefined)[] => {
  const { partner, operator, trainers, validators, others } = play.people;
  return [undefined, partner, operator, ...trainers, ...validators, ...others].filter((actor) => actor === undefined || !owners.includes(actor));
};

test('refusals of hidden files name the line or the set, not what stands there', async () => {
  const { partner } = play.people;
  const propose = (change: Partial<typeof files>, label: string): Promise<string> => play.propose(label, { files: { ...files, ...change } });
  expect(await refused(propose({ heldBack: withPair(files.heldBack, ROTATING) }, 'a common row'))).toMatchObject({ rule: 'data-sets-disjoint' });
  expect(await refused(propose({ rotating: withPair(csv(9_000, 3), [ROTATING[0], Number.NaN]) }, 'no number'))).toMatchObject({ rule: 'csv-number' });
  expect(await refused(propose({ rotating: utf8(`a,label\n${ROTATING[0]},1\n`) }, 'a missing column'))).toBeDefined();
  const wrong = await ask(`/arena/v1/artifacts/${'ef'.repeat(32)}`, partner, { method: 'PUT', body: new Uint8Array(files.rotating) });
  expect(wrong.status).toBeGreaterThanOrEqual(400);
});

test('hidden rows are nobody\'s but their uploader\'s', async () => {
  task = await play.propose('canaries', { files, revealSeconds: REVEAL_SECONDS });
  await play.approve(task);
  await play.stakeAll(task);
  await play.untilPhase(task, 1, 'committing');
  for (const sha256 of hidden) await isNobodys(sha256, everybodyBut(play.people.partner));
});

test('a model that was uploaded but not revealed is nobody\'s either', async () => {
  const [first, second, third] = play.people.trainers as [Actor, Actor, Actor];
  const entries = [];
  for (const [index, actor] of [first, second].entries()) {
    const competitor = play.competitor(actor, task);
    entries.push({ competitor, entry: await competitor.commit(task, 1, model(index + 1)) });
  }
  secret = await play.competitor(third, task).commit(task, 1, secretModel());
  expect(await uploadArtifact(third.rest, 'arena', secret.model)).toBe(sha256Hex(secretModel()));
  await isNobodys(sha256Hex(secret.model), everybodyBut(third));
  await play.untilPhase(task, 1, 'revealing');
  const reveal = { requestId: third.requestId('a reveal that does not match'), name: secret.name, artifactSha256: sha256Hex(secret.model), salt: 'ab'.repeat(32) };
  // All at once: the window closes by the clock, however busy the machine is.
  const [mismatch] = await Promise.all([refused(third.client(SubmissionService, 'arena').revealSubmission(reveal)), ...entries.map(({ competitor, entry }) => competitor.reveal(entry))]);
  expect(mismatch).toMatchObject({ rule: 'commit-mismatch' });
  await isNobodys(sha256Hex(secret.model), everybodyBut(third));
});

test('only a validator that was drawn and accepted reads model and hidden rows, and only for its turn', async () => {
  await play.untilPhase(task, 1, 'scoring');
  const third = play.people.validators[2] as Actor;
  const client = third.client(ValidatorService, 'validation');
  const [assignment] = await eventually(async () => {
    const { assignments } = await client.listAssignments({ status: AssignmentStatus.OFFERED, pageSize: 10 });
    expect(assignments).toHaveLength(2);
    return assignments;
  }, WAIT);
  for (const sha256 of hidden) await isNobodys(sha256, everybodyBut(play.people.partner));
  const { work } = await client.acceptAssignment({ requestId: third.requestId(`accept/${assignment!.name}`), name: assignment!.name });
  expect(work?.dataSetSha256).toBe(sha256Hex(files.rotating));
  expect((await ask(`/arena/v1/artifacts/${work?.dataSetSha256}`, third)).text).toContain(String(ROTATING[0]));
  const { partner, trainers } = play.people;
  await isNobodys(sha256Hex(files.rotating), everybodyBut(partner, third));
  await isNobodys(sha256Hex(files.heldBack), everybodyBut(partner));
  await isNobodys(work?.artifactSha256 as string, everybodyBut(third, ...trainers));
  await isNobodys(sha256Hex(secret.model), everybodyBut(trainers[2] as Actor));
});

test('the task ends without the unrevealed model', async () => {
  const { submissions } = await eventually(async () => {
    await external.turn();
    const { status } = await play.task(task);
    expect(status).toBe('finished');
    return play.people.partner.client(SubmissionService, 'arena').listSubmissions({ parent: task, pageSize: 10 });
  }, { timeoutMs: 60_000, everyMs: 100 });
  expect(submissions.filter(({ finalScoreNano }) => finalScoreNano !== undefined)).toHaveLength(2);
  await isNobodys(sha256Hex(secret.model), everybodyBut(play.people.trainers[2] as Actor));
});

/** What is made for those who operate Skein: spans, metrics in both formats, log lines. */
async function observed(): Promise<Emitted[]> {
  const contexts = Object.keys(CONTEXTS).filter((context) => context !== 'v2');
  const scrape = async (context: string, accept: string): Promise<Emitted> => ({ where: `metrics of ${context} as ${accept}`, text: await (await fetch(`${s.devnet.frontUrl}/${context}/metrics`, { headers: { accept } })).text() });
  const metrics = await Promise.all(contexts.flatMap((context) => ['text/plain', 'application/openmetrics-text'].map((accept) => scrape(context, accept))));
  return [{ where: 'spans', text: sink.bodies().join('\n') }, { where: 'log lines', text: s.lines.join('\n') }, ...metrics];
}

/** What goes from service to service. */
const messages = async (): Promise<Emitted[]> => (await databaseDumps(s)).filter(({ where }) => where.startsWith('event log: '));

test('spans, metrics, log lines and messages hold neither persons nor keys nor sessions', async () => {
  const { partner, operator, trainers } = play.people;
  const customer = await customerOf(partner, PERSON);
  await buyCredit(partner, customer, 'canaries');
  const key = await apiKey(partner, customer, 'canaries');
  await ask('/billing/v1/customers', partner.as(key));
  await ask(`/billing/v1/${customer}/balance`, partner.as(`${key}x`));
  await ask(`/arena/v1/tasks?page_token=${PERSON}`, trainers[0]);
  await ask(`/arena/v1/${PERSON}/${PERSON}`, trainers[0]);
  const secretOf = (actor: Actor): string => actor.headers()['authorization']!.replace('Bearer ', '');
  const secrets = [key, ...[partner, operator, ...trainers].map(secretOf)];
  await eventually(() => expect(sink.spans().some(({ service, name }) => service === 'billing' && name.endsWith('/CreateApiKey'))).toBe(true), WAIT);
  const sent = await messages();
  expect(sent.find(({ where }) => where === 'event log: public.log_messages')?.text.length).toBeGreaterThan(10_000);
  const emitted = await observed();
  expect(new Set(sink.spans().map(({ service }) => service)).size).toBe(6);
  expect(emitted.every(({ text }) => text.length > 1_000)).toBe(true);
  const forms = [PERSON, ...secrets, ...secrets.map((secret) => secret.split('.').at(-1) as string)].flatMap(textForms).filter((form) => form.length > 8);
  expect(findings([...emitted, ...sent], forms)).toEqual([]);
  expect(findings([{ where: 'here', text: `"key":"${key}"` }], forms)).toEqual(['here']);
});

test('nothing that was written or said holds a canary', async () => {
  const name = task;
  const contexts = Object.keys(CONTEXTS).filter((context) => context !== 'v2');
  const paths = [
    ...contexts.flatMap((context) => [`/${context}/openapi.json`, `/${context}/metrics`, `/${context}/health/ready`]),
    ...['', '/submissions', '/leaderboard', '/rewards', '/epochs'].map((part) => `/arena/v1/${name}${part}`),
    `/validation/v1/verdicts?task=${name}&page_size=100`, '/v2/health/ready', '/',
  ];
  for (const path of paths) await ask(path, play.people.operator);
  await play.people.operator.client(TaskService, 'arena').getTask({ name });
  const emitted: Emitted[] = [...said, ...(await databaseDumps(s)), ...filesOf(s.folder), ...(await observed())];
  expect(emitted.map(({ where }) => where)).toEqual(expect.arrayContaining(['devnet.json', 'arena: public.es_event', 'event log: public.log_messages', 'validation: public.es_event'].map((part) => expect.stringContaining(part))));
  expect(emitted.reduce((sum, { text }) => sum + text.length, 0)).toBeGreaterThan(100_000);
  const forms = [...textForms(WORD), ...[ROTATING, HELD_BACK, WEIGHTS].flatMap(([a, b]) => pairForms(a, b))];
  expect(findings(emitted, forms)).toEqual([]);
});

test('the search itself finds what is there', () => {
  const bytes = (part: Uint8Array): Emitted[] => [{ where: 'here', text: Buffer.from(part).toString('latin1') }];
  expect(findings(bytes(secret.model), textForms(WORD))).toEqual(['here']);
  expect(findings(bytes(secret.model), pairForms(...WEIGHTS))).toEqual(['here']);
  expect(findings(bytes(files.rotating), pairForms(...ROTATING))).toEqual(['here']);
  expect(findings([{ where: 'here', text: Buffer.from(secret.model).toString('hex') }], pairForms(...WEIGHTS))).toEqual(['here']);
});
