import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { EmbeddedEventLog } from '@skein/messaging';
import { RunnerPool } from '@skein/runner';
import { compareEdges, edgesOf, eventually, loadTraceEdges, startOtlpSink, type OtlpSink, type RecordedSpan } from '@skein/testing';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { run } from '../../../libs/clients/cli/src/run.js';
import { closePeople } from './support/arena-play.js';
import { apiKey, infer } from './support/market-play.js';
import { bootSkein, type TestSkein } from './support/skein.js';
import { CLIENT_SPAN, playWhole, SALTS, TRACES, type Played } from './support/whole-play.js';

const WAIT = { timeoutMs: 40_000, everyMs: 50 };
const [TRACE, OTHER_TRACE] = TRACES;

let sink: OtlpSink;
let s: TestSkein;
let runner: RunnerPool;
let played: Played;

beforeAll(async () => {
  sink = await startOtlpSink();
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_BSP_MAX_QUEUE_SIZE: '20000' });
  s = await bootSkein('traces');
  runner = new RunnerPool({ pooledMax: 2 });
  played = await playWhole(s, { runner });
});

afterAll(async () => {
  await runner?.stop();
  if (played !== undefined) closePeople(played.play.people);
  await s?.stop();
  await sink?.stop();
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY', 'OTEL_BSP_MAX_QUEUE_SIZE']) delete process.env[name];
});

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
  const ids = new Set([...spans.map(({ spanId }) => spanId), CLIENT_SPAN]);
  expect(spans.filter(({ parentSpanId }) => !ids.has(parentSpanId))).toEqual([]);
});

const namesAll = (text: string, words: readonly string[]): string[] => words.filter((word) => !text.includes(word));

test.each(['epoch.rewarded', 'locked-rewards.divided'])('what billing books for %s links to the traces of all submissions that it pays, the one that goes on and the other', async (decision) => {
  const payout = await eventually(() => {
    const found = sink.spans().find(({ service, attributes }) => service === 'billing' && attributes['cloudevents.event_type'] === `skein.arena.${decision}.v1`);
    expect(found).toBeDefined();
    return found!;
  }, WAIT);
  const spans = new Map(sink.spans().map((span) => [`${span.traceId}/${span.spanId}`, span]));
  const linked = payout.links.map(({ traceId, spanId }) => spans.get(`${traceId}/${spanId}`)).filter((span) => span !== undefined && typesOf(span).some((type) => type.startsWith('skein.arena.submission.')));
  expect(linked.map((span) => `${span!.traceId} ${typesOf(span!)[0]}`).sort()).toEqual([OTHER_TRACE, TRACE].flatMap((trace) => [`${trace} skein.arena.submission.committed.v1`, `${trace} skein.arena.submission.revealed.v1`]));
  expect(payout.traceId).toBe(TRACE);
  const closing = sink.spans().filter((span) => typesOf(span).includes('skein.arena.epoch.closed.v1'));
  expect(closing.map(({ links }) => new Set(links.map(({ traceId }) => traceId)))).toEqual([new Set(TRACES)]);
});

test.each([0, 1])('skein trace leads from submission %i to the payout and the ledger, whether or not the trace went on with it', async (at) => {
  let out = '';
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (out += text), columns: undefined, wait: () => Promise.resolve(), nowMs: () => 0, uuid: () => '' };
  const read = (file: string): string => readFileSync(file, 'utf8');
  expect(await run(['trace', played.submissions[at]!, '--devnet', join(s.folder, 'devnet.json')], terminal, { environment: {}, read })).toBe(0);
  expect(namesAll(out, ['arena.submission.committed', 'arena.submission.revealed', 'arena.epoch.scoring-requested', 'validation.verdict.agreed', 'arena.submission.scored', 'arena.epoch.closed', 'billing.ledger.', 'arena → validation', 'validation → arena', 'arena → billing', TRACES[at]!])).toEqual([]);
});

test('every span names its service, version and instance, and none holds a payload', () => {
  expect(new Set(sink.spans().map(({ service }) => service)).size).toBe(6);
  expect(sink.bodies().join()).toContain('"service.version"');
  const names = new Set(sink.spans().flatMap(({ attributes }) => Object.keys(attributes)));
  expect([...names].filter((name) => !/^(http|url|rpc|messaging|cloudevents|error|skein)\./.test(name))).toEqual([]);
  const texts = [...SALTS, played.play.people.operator.headers()['authorization']!.slice(7), 'Above or below', 'Clinic whole'];
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
  expect(text).toMatch(/^http_server_duration_seconds_count\{method="POST",route="\/arena\/v1\/tasks\/\{task\}\/submissions",code="200",service_name="arena"\} 2$/m);
  expect(text).toMatch(/^rpc_server_duration_seconds_count\{rpc="skein\.arena\.v1\.SubmissionService\/CommitSubmission",code="ok",service_name="arena"\} 2$/m);
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

/** Log lines of the trace. */
const linesOf = (traceId: string): Record<string, unknown>[] => s.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ trace_id: id }) => id === traceId);

test('requests, messages, jobs and timers leave log lines in the trace that they belong to, with a span of it', async () => {
  const has = (service: string, message: string, fields: object): Promise<void> => eventually(() => expect(linesOf(TRACE)).toContainEqual(expect.objectContaining({ service, message, ...fields })), WAIT);
  await has('arena', 'request', { method: 'POST', route: '/arena/v1/tasks/{task}/submissions', code: 200 });
  await has('validation', 'message', { group: 'validation', topic: 'arena.task.v1', outcome: 'done' });
  await has('billing', 'message', { topic: 'arena.reward.v1', outcome: 'done' });
  // A line comes at once, its span with the next export.
  await eventually(() => {
    const spans = new Map(ofTrace(TRACE).map((span) => [span.spanId, span]));
    const executed = linesOf(TRACE).filter(({ message }) => message === 'executed').map(({ service, span_id: id }) => ({ service, span: spans.get(String(id)) }));
    expect(executed.filter(({ span }) => span === undefined)).toEqual([]);
    const causes = new Set(executed.map(({ span }) => spans.get(span?.parentSpanId ?? '')?.name));
    expect([...causes]).toEqual(expect.arrayContaining(['job:arena.admission', 'job:validation.evaluate', 'process validation.verdict.v1', 'process arena.reward.v1']));
  }, WAIT);
});

const isOf = (group: string) => ({ attributes }: RecordedSpan): boolean => attributes['messaging.consumer.group.name'] === group;

afterEach(() => vi.restoreAllMocks());

/** From now on the consumers of this group that are started lose the trace context of what they get. */
function losingContext(group: string): void {
  const consume = EmbeddedEventLog.prototype.consume;
  vi.spyOn(EmbeddedEventLog.prototype, 'consume').mockImplementation(function (this: EmbeddedEventLog, options) {
    if (options.group !== group) return consume.call(this, options);
    const stripped = (batch: Parameters<typeof options.onBatch>[0]) => ({ ...batch, messages: batch.messages.map(({ headers: { traceparent: _, ...headers }, ...message }) => ({ ...message, headers })) });
    return consume.call(this, { ...options, onBatch: (batch) => options.onBatch(stripped(batch)) });
  });
}

test.each([
  ['marketplace', 'marketplace.keys', 'billing→marketplace by billing.entitlement.v1'],
  // The marketplace calls billing by RPC, too: that must not hide it.
  ['billing', 'billing.usage', 'marketplace→billing by marketplace.usage.v1'],
] as const)('where %s has one consumer that loses the context, %s, the comparison fails by its edge and topic', async (service, group, edge) => {
  await s.skein.close(service);
  // Its spans have come: a service that closes sends what is left.
  const before = sink.spans().length;
  losingContext(group);
  await s.skein.open(service);
  const key = await apiKey(played.play.people.partner, played.customer, 'without context');
  await eventually(async () => expect(await infer(s.devnet.frontUrl, 'whole', key, `call of ${group}`)).toMatchObject({ status: 200 }), WAIT);
  await eventually(() => expect(sink.spans().slice(before).filter(isOf(group))).not.toEqual([]), WAIT);
  const now = sink.spans().filter((span, index) => index >= before || !isOf(group)(span));
  expect(compareEdges(edgesOf(now), loadTraceEdges())).toEqual({ missing: [edge], unexpected: [] });
});
