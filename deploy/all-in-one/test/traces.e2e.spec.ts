import { MarketplaceService } from '@skein/contracts/marketplace';
import { ValidatorService } from '@skein/contracts/validation';
import { sha256Hex } from '@skein/kernel';
import { EmbeddedEventLog } from '@skein/messaging';
import { RunnerPool } from '@skein/runner';
import { uploadArtifact } from '@skein/sdk';
import { compareEdges, edgesOf, eventually, loadTraceEdges, startOtlpSink, type OtlpSink, type RecordedSpan } from '@skein/testing';
import { commitmentOf } from '@skein/trainer';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ArenaPlay, closePeople, model, peopleOf } from './support/arena-play.js';
import { approveFederation, playFederation, proposeFederation } from './support/federation-play.js';
import { apiKey, buyCredit, customerOf, deploy, infer } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';

const WAIT = { timeoutMs: 40_000, everyMs: 50 };
const TRACE = '5ca1ab1e'.repeat(4);
/** What a client sends that traces itself: the parent of its calls' spans. */
const TRACEPARENT = `00-${TRACE}-${'1'.repeat(16)}-01`;
const SALT = 'ab'.repeat(32);

let sink: OtlpSink;
let s: TestSkein;
let play: ArenaPlay;
let runner: RunnerPool;
let customer: string;

beforeAll(async () => {
  sink = await startOtlpSink();
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_BSP_MAX_QUEUE_SIZE: '20000' });
  s = await bootSkein('traces');
  runner = new RunnerPool({ pooledMax: 2 });
  play = new ArenaPlay(s, await peopleOf(s, { trainers: 1, validators: 3, others: ['member-1', 'member-2'] }));
  for (const actor of play.people.validators) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
  await playAll();
});

afterAll(async () => {
  await runner?.stop();
  if (play !== undefined) closePeople(play.people);
  await s?.stop();
  await sink?.stop();
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY', 'OTEL_BSP_MAX_QUEUE_SIZE']) delete process.env[name];
});

/** The story with the fewest people: a task with one competitor, whose winner two members improve together, and one paid call of that. */
async function playAll(): Promise<void> {
  const { partner, operator, others } = play.people;
  const task = await play.propose('traced');
  await play.approve(task);
  await play.stakeAll(task);
  const federated = await proposeFederation(partner, 'traced', { rounds: 1, arenaTask: task });
  await approveFederation(operator, federated);
  await play.openOnChain(federated);
  await Promise.all(others.map((member) => play.stake(member, federated, 'participant')));
  await play.untilPhase(task, 1, 'committing');
  await submitOverHttp(task);
  expect(await playFederation(others, federated, runner)).toEqual(['finished', 'finished']);
  await play.until(task, 'its end', ({ status }) => status === 'finished');
  await sell(task, federated);
}

/** Commits and reveals over REST as one trace of the client's. */
async function submitOverHttp(task: string): Promise<void> {
  const actor = play.people.trainers[0]!;
  const bytes = model(1, 0.5);
  const artifactSha256 = await uploadArtifact(actor.rest, 'arena', bytes);
  const post = async (path: string, body: object): Promise<{ name: string }> => {
    const headers = { ...actor.headers(), 'content-type': 'application/json', 'idempotency-key': actor.requestId(path), traceparent: TRACEPARENT };
    const answer = await fetch(`${s.devnet.frontUrl}/arena/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return (await answer.json()) as { name: string };
  };
  const commit = commitmentOf({ task, epoch: 1, owner: actor.wallet, artifactSha256: sha256Hex(bytes), salt: SALT });
  const { name } = await post(`${task}/submissions`, { epoch: 1, commit });
  await play.untilPhase(task, 1, 'revealing');
  await post(`${name}:reveal`, { artifactSha256, salt: SALT });
}

/** The developer lists the federated model; one call of it is paid for. */
async function sell(arenaTask: string, federatedTask: string): Promise<void> {
  const { partner, trainers } = play.people;
  const owner = trainers[0]!;
  const lineage = { arenaTask, federatedTask, parents: [] };
  const market = owner.client(MarketplaceService, 'marketplace');
  const { version } = await eventually(() => market.registerVersion({ requestId: owner.requestId('register'), model: 'models/traced', lineage, licence: 'Apache-2.0', intendedUse: 'A test.' }), WAIT);
  await deploy(owner, version?.name ?? '', 'traced');
  customer = await customerOf(partner, 'traced');
  await buyCredit(partner, customer, 'traced');
  const key = await apiKey(partner, customer, 'traced');
  await eventually(async () => expect(await infer(s.devnet.frontUrl, 'traced', key, 'call 1')).toMatchObject({ status: 200 }), WAIT);
}

const typesOf = ({ attributes }: RecordedSpan): readonly string[] => (attributes['skein.event.types'] as string[] | undefined) ?? [];
const ofTrace = (traceId: string): readonly RecordedSpan[] => sink.spans().filter((span) => span.traceId === traceId);

test('the edges between services are those of the committed list', async () => {
  await eventually(() => expect(compareEdges(sink.edges(), loadTraceEdges())).toEqual({ missing: [], unexpected: [] }), WAIT);
});

test('one trace runs from the submission over HTTP to the payout in the ledger', async () => {
  await eventually(() => expect(ofTrace(TRACE).some((span) => span.service === 'billing' && typesOf(span).some((type) => type.startsWith('skein.billing.ledger')))).toBe(true), WAIT);
  const spans = ofTrace(TRACE);
  expect([...new Set(spans.map(({ service }) => service))]).toEqual(expect.arrayContaining(['arena', 'validation', 'billing']));
  const names = spans.map(({ service, name }) => `${service}: ${name}`);
  expect(names).toEqual(expect.arrayContaining([
    'arena: POST /arena/v1/tasks/{task}/submissions', 'validation: job:validation.evaluate', 'validation: process arena.task.v1', 'arena: process validation.verdict.v1', 'billing: process arena.reward.v1',
  ]));
  const ids = new Set([...spans.map(({ spanId }) => spanId), '1'.repeat(16)]);
  expect(spans.filter(({ parentSpanId }) => !ids.has(parentSpanId))).toEqual([]);
});

test('every span names its service, version and instance, and none holds a payload', () => {
  expect(new Set(sink.spans().map(({ service }) => service)).size).toBe(6);
  expect(sink.bodies().join()).toContain('"service.version"');
  const names = new Set(sink.spans().flatMap(({ attributes }) => Object.keys(attributes)));
  expect([...names].filter((name) => !/^(http|url|rpc|messaging|cloudevents|error|skein)\./.test(name))).toEqual([]);
  const texts = [SALT, play.people.operator.headers()['authorization']!.slice(7), 'Above or below', 'Clinic traced'];
  for (const text of texts) expect(sink.bodies().some((body) => body.includes(text))).toBe(false);
});

const CONTEXT_NAMES = ['arena', 'validation', 'federation', 'staking', 'marketplace', 'billing'];
const scrape = async (context: string, accept = 'text/plain'): Promise<string> => (await fetch(`${s.devnet.frontUrl}/${context}/metrics`, { headers: { accept } })).text();

/** Metrics by their names, with what is said about them. */
function familiesOf(text: string): Map<string, Record<string, string>> {
  const families = new Map<string, Record<string, string>>();
  for (const [, kind, name, rest] of text.matchAll(/^# (HELP|UNIT|TYPE) (\S+) (.*)$/gm)) families.set(name!, { ...families.get(name!), [kind!]: rest! });
  for (const [, name] of text.matchAll(/^([a-z0-9_]+?)(?:_bucket|_sum|_count)?(?:\{.*)? \S+$/gm)) if (!families.has(name!)) families.set(name!, {});
  return families;
}

test('every metric of every service says what it measures and in which unit', async () => {
  const all = new Set<string>();
  for (const context of CONTEXT_NAMES) {
    // The first look is the first HTTP request of a service that only others call.
    await scrape(context);
    const families = familiesOf(await scrape(context));
    for (const [name, about] of families) {
      all.add(name);
      expect([context, name, about], `${context}: ${name}`).toEqual([context, name, { HELP: expect.stringMatching(/^(?!description missing)\S/), UNIT: expect.stringMatching(/\S/), TYPE: expect.stringMatching(/^(counter|gauge|histogram)$/) }]);
    }
    for (const name of ['es_append_duration_seconds', 'es_append_conflicts_total', 'es_projection_lag_events', 'relay_lag_events', 'http_server_duration_seconds']) expect([context, [...families.keys()]]).toEqual([context, expect.arrayContaining([name])]);
  }
  expect([...all]).toEqual(expect.arrayContaining(['rpc_server_duration_seconds', 'consumer_lag_events', 'inbox_duplicates_total', 'dead_letters_total', 'workflow_oldest_open_seconds']));
  expect(familiesOf('a_total 1\n').get('a_total')).toEqual({});
});

test('calls are measured by route and by RPC with their codes, and buckets lead to traces that were recorded', async () => {
  const text = await scrape('arena');
  expect(text).toMatch(/^http_server_duration_seconds_count\{method="POST",route="\/arena\/v1\/tasks\/\{task\}\/submissions",code="200",service_name="arena"\} 1$/m);
  expect(text).toMatch(/^rpc_server_duration_seconds_count\{rpc="skein\.arena\.v1\.SubmissionService\/CommitSubmission",code="ok",service_name="arena"\} 1$/m);
  expect(text).not.toContain('trace_id');
  const open = await scrape('arena', 'application/openmetrics-text;version=1.0.0');
  expect(open.endsWith('# EOF\n')).toBe(true);
  const recorded = new Set(sink.spans().map(({ traceId }) => traceId));
  const exemplars = [...open.matchAll(/^(\w+)_bucket\{.*\} \d+ # \{trace_id="([0-9a-f]{32})",span_id="[0-9a-f]{16}"\} [\d.e-]+$/gm)].map(([, name, traceId]) => [name, recorded.has(traceId!)]);
  expect(exemplars).toEqual(expect.arrayContaining([['http_server_duration_seconds', true], ['rpc_server_duration_seconds', true], ['es_append_duration_seconds', true]]));
});

test('log lines of commands stand in their trace, one for each outcome', () => {
  const lines = s.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ trace_id: traceId, message }) => traceId === TRACE && message === 'command');
  const outcomes = lines.filter(({ rpc }) => String(rpc).startsWith('skein.arena.v1.SubmissionService/')).map(({ rpc, outcome }) => `${String(rpc).split('/')[1]} ${String(outcome)}`);
  expect(outcomes.sort()).toEqual(['CommitSubmission ok', 'RevealSubmission ok']);
});

const isOf = (group: string) => ({ attributes }: RecordedSpan): boolean => attributes['messaging.consumer.group.name'] === group;

/** From now on the consumers of this group lose the trace context of what they get. */
function losingContext(group: string): void {
  const consume = EmbeddedEventLog.prototype.consume;
  vi.spyOn(EmbeddedEventLog.prototype, 'consume').mockImplementation(function (this: EmbeddedEventLog, options) {
    if (options.group !== group) return consume.call(this, options);
    const stripped = (batch: Parameters<typeof options.onBatch>[0]) => ({ ...batch, messages: batch.messages.map(({ headers: { traceparent: _, ...headers }, ...message }) => ({ ...message, headers })) });
    return consume.call(this, { ...options, onBatch: (batch) => options.onBatch(stripped(batch)) });
  });
}

test('with one consumer that loses the context the comparison fails, by its edge', async () => {
  const group = 'marketplace.keys';
  await s.skein.close('marketplace');
  // Its spans have come: a service that closes sends what is left.
  const before = sink.spans().length;
  losingContext(group);
  await s.skein.open('marketplace');
  const key = await apiKey(play.people.partner, customer, 'without context');
  await eventually(async () => expect(await infer(s.devnet.frontUrl, 'traced', key, 'call 2')).toMatchObject({ status: 200 }), WAIT);
  await eventually(() => expect(sink.spans().slice(before).filter(isOf(group))).not.toEqual([]), WAIT);
  const now = sink.spans().filter((span, index) => index >= before || !isOf(group)(span));
  expect(compareEdges(edgesOf(now), loadTraceEdges())).toEqual({ missing: ['billing→marketplace'], unexpected: [] });
});
