import { ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags, type Attributes, type Context, type Link, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api';
import { ok } from '@skein/kernel';
import { currentTraceparent, parseTraceparent, withTrace } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EventStore, eventsMigrations, JobWorker, reactorSink, Subscription, TimerWorker, type Effect, type RecordedEvent } from '../src/index.js';

const STORED = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

interface Seen {
  readonly name: string;
  readonly parentSpanId: string | undefined;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
  readonly links: string[];
  failed: boolean;
}

/** A tracer that keeps what it is told; the SDK is libs/telemetry's alone. */
class Recorder {
  readonly spans: Seen[] = [];
  private count = 0;
  readonly tracer = { startSpan: (name: string, options: SpanOptions = {}, context: Context = ROOT_CONTEXT) => this.start(name, options, context) } as unknown as Tracer;

  private start(name: string, options: SpanOptions, context: Context): Span {
    const parent = trace.getSpanContext(context);
    this.count += 1;
    const spanId = this.count.toString(16).padStart(16, '0');
    const seen: Seen = { name, parentSpanId: parent?.spanId, traceId: parent?.traceId ?? this.count.toString(16).padStart(32, '0'), spanId, attributes: { ...options.attributes }, links: [], failed: false };
    this.spans.push(seen);
    const span = {
      spanContext: () => ({ traceId: seen.traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
      setAttributes: (more: Attributes) => Object.assign(seen.attributes, more),
      setAttribute: (key: string, value: string) => (Object.assign(seen.attributes, { [key]: value }), span),
      setStatus: ({ code }: { code: SpanStatusCode }) => ((seen.failed = code === SpanStatusCode.ERROR), span),
      addLinks: (links: readonly Link[]) => (seen.links.push(...links.map((link) => `${link.context.traceId}/${link.context.spanId}`)), span),
      updateName: () => span,
      end: () => undefined,
    };
    return span as unknown as Span;
  }
}

type Noted = { type: 'noted'; data: { text: string } };
const decider = {
  initialState: () => 0,
  evolve: (count: number) => count + 1,
  decide: (text: string) => (text === '' ? ({ ok: false, error: { code: 'invalid-argument', rule: 'empty', message: 'say something' } } as const) : ok<Noted[]>([{ type: 'noted', data: { text } }])),
};

let db: TestDatabase;
let recorder: Recorder;
let traced: EventStore;
let plain: EventStore;

beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
});
beforeEach(() => {
  recorder = new Recorder();
  traced = new EventStore({ pool: db.appPool, tracer: recorder.tracer });
});
afterAll(async () => {
  await plain?.close();
  await db.drop();
});

const note = (store: EventStore, streamId: string, text: string, traceparent?: string, effects: Effect[] = []) =>
  store.execute<number, string, Noted>({ decider, streamId, command: () => text, metadata: { correlationId: 'c', actor: 'test', ...(traceparent === undefined ? {} : { traceparent }) }, effects: () => effects });

it('stores the context of the command\'s own span, in the trace that was given', async () => {
  expect((await note(traced, 'note-1', 'CANARY', STORED)).ok).toBe(true);
  const [event] = await traced.readStream('note-1');
  const [span] = recorder.spans;
  expect(span).toMatchObject({ name: 'execute note', traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16), failed: false });
  expect(span!.attributes).toEqual({ 'skein.stream.id': 'note-1', 'skein.stream.version': 1, 'skein.event.types': ['noted'], 'skein.command.outcome': 'ok' });
  expect(parseTraceparent(event!.metadata.traceparent)).toEqual({ traceId: span!.traceId, spanId: span!.spanId });
  expect(JSON.stringify(recorder.spans)).not.toContain('CANARY');
});

it('is a child of the running span in the same trace, a root where there is no trace', async () => {
  const running = `00-${'a'.repeat(32)}-${'e'.repeat(16)}-01`;
  await withTrace(running, () => note(traced, 'note-2', 'x', STORED));
  await note(traced, 'note-2', 'y');
  expect(recorder.spans.map(({ parentSpanId }) => parentSpanId)).toEqual(['e'.repeat(16), undefined]);
});

it('tells refusals as outcomes, and appends by their types', async () => {
  await note(traced, 'note-3', '', STORED);
  expect(recorder.spans[0]).toMatchObject({ failed: false, attributes: { 'skein.command.outcome': 'invalid-argument', 'skein.command.rule': 'empty' } });
  await traced.append('note-3', 'none', [{ type: 'noted', data: { text: 'x' } }], { correlationId: 'c', actor: 'test', traceparent: STORED });
  await expect(traced.append('note-3', 'none', [{ type: 'noted', data: { text: 'x' } }], { correlationId: 'c', actor: 'test' })).rejects.toMatchObject({ rejection: { code: 'conflict' } });
  expect(recorder.spans[1]).toMatchObject({ name: 'append note', failed: false, attributes: { 'skein.stream.version': 1 } });
  expect(recorder.spans[2]).toMatchObject({ failed: true, attributes: { 'error.type': 'conflict' } });
});

it('names streams by their noun only', async () => {
  for (const streamId of ['customer-0199-aa', 'model-version-0199', 'emission', 'position-eip155:1:0x0', '0199']) await note(traced, streamId, 'x');
  expect(recorder.spans.map(({ name }) => name)).toEqual(['execute customer', 'execute model-version', 'execute emission', 'execute position', 'execute stream']);
});

it('keeps the contexts that a command joins with its events, and links its span to them', async () => {
  const others = [1, 2].map((n) => `00-${String(n).repeat(32)}-${String(n).repeat(16)}-01`) as [string, string];
  const joining = (streamId: string, text: string, links: (events: readonly Noted[]) => Promise<string[]> | undefined) =>
    traced.execute<number, string, Noted>({ decider, streamId, command: () => text, metadata: { correlationId: 'c', actor: 'test', traceparent: STORED }, links });
  await joining('note-4', 'x', ([event]) => Promise.resolve(event?.data.text === 'x' ? [...others, others[0]] : []));
  await joining('note-4', 'y', () => undefined);
  await joining('note-4', 'z', async () => []);
  expect((await traced.readStream('note-4')).map(({ metadata }) => metadata.links)).toEqual([others, undefined, undefined]);
  expect(recorder.spans.map(({ links }) => links)).toEqual([[1, 2].map((n) => `${String(n).repeat(32)}/${String(n).repeat(16)}`), [], []]);
  await joining('note-4', '', () => expect.unreachable('nothing was decided'));
  const many = Array.from({ length: 200 }, (_, n) => `00-${(n + 1).toString(16).padStart(32, '0')}-${'b'.repeat(16)}-01`);
  await joining('note-5', 'x', async () => many);
  expect((await traced.readStream('note-5'))[0]!.metadata.links).toEqual(many.slice(0, 128));
});

it('tells how each command ended inside its trace, with a tracer and without', async () => {
  const told: object[] = [];
  const onCommand = (outcome: object): void => void told.push({ ...outcome, trace: parseTraceparent(currentTraceparent())?.traceId });
  for (const tracer of [{ tracer: recorder.tracer }, {}]) {
    const stream = `note-told-${told.length}`;
    const store = new EventStore({ pool: db.appPool, onCommand, ...tracer });
    await note(store, stream, 'CANARY', STORED);
    await note(store, stream, '', STORED);
    const common = { streamId: stream, correlationId: 'c', trace: 'a'.repeat(32) };
    expect(told.slice(-2)).toEqual([{ ...common, outcome: 'ok', version: 1, types: ['noted'] }, { ...common, outcome: 'invalid-argument', rule: 'empty' }]);
    await store.close();
  }
});

it('failures of jobs, timers and reactors are reported in the trace of the work', async () => {
  const { pool } = traced;
  const told = new Map<string, string | undefined>();
  const onError = (_: unknown, where: string): void => void told.set(where.split(' ', 1)[0]!, parseTraceparent(currentTraceparent())?.traceId);
  const fail = async (): Promise<never> => Promise.reject(new Error('no'));
  const workers = [
    new JobWorker({ pool, kind: 'failing-job', maxAttempts: 1, handle: fail, onError }),
    new TimerWorker({ pool, handlers: { 'failing-timer': fail }, onError }),
    new Subscription({ store: traced, sink: reactorSink({ name: 'failing', types: ['noted'], handle: (event) => (event.streamId === 'note-6' ? fail() : Promise.resolve()) }), onError }),
  ];
  for (const worker of workers) await worker.start();
  await note(traced, 'note-6', 'x', STORED, [{ job: { id: 'failing', kind: 'failing-job', payload: {} } }, { timer: { id: 'failing', kind: 'failing-timer', dueAtMs: 0, payload: {} } }]);
  await eventually(() => expect(Object.fromEntries(told)).toEqual({ 'job:failing-job': 'a'.repeat(32), timer: 'a'.repeat(32), subscription: 'a'.repeat(32) }));
  for (const worker of workers) await worker.stop();
});

/** Runs a job, a timer and a reactor that were asked for in a trace; answers the traces that they ran in. */
async function workIn(store: EventStore, stream: string): Promise<Record<string, unknown>> {
  const { pool } = store;
  const seen: Record<string, unknown> = {};
  const payloads: unknown[] = [];
  const keep = (what: string) => (seen[what] = parseTraceparent(currentTraceparent())?.traceId);
  const workers = [
    new JobWorker({ pool, kind: `job ${stream}`, handle: async ({ payload }) => void (payloads.push(payload), keep('job'), await note(store, `${stream}-of-job`, 'x')) }),
    new TimerWorker({ pool, handlers: { [`timer ${stream}`]: async ({ payload }) => void (payloads.push(payload), keep('timer')) } }),
    new Subscription({ store, sink: reactorSink({ name: `reactor_${stream}`, types: ['noted'], handle: async (event: RecordedEvent) => void (event.streamId === stream && keep('reactor')) }) }),
  ];
  for (const worker of workers) await worker.start();
  await note(store, stream, 'x', STORED, [{ job: { id: `job ${stream}`, kind: `job ${stream}`, payload: { amount: 3n } } }, { timer: { id: `timer ${stream}`, kind: `timer ${stream}`, dueAtMs: 0, payload: ['bare'] } }, { timer: { id: `second ${stream}`, kind: `timer ${stream}`, dueAtMs: 0, payload: { a: 1 } } }]);
  await eventually(async () => {
    expect(Object.keys(seen).sort()).toEqual(['job', 'reactor', 'timer']);
    expect(payloads).toHaveLength(3);
    expect(await store.readStream(`${stream}-of-job`)).toHaveLength(1);
  });
  for (const worker of workers) await worker.stop();
  expect(payloads).toEqual(expect.arrayContaining([{ amount: 3n }, ['bare'], { a: 1 }]));
  return { ...seen, appended: parseTraceparent((await store.readStream(`${stream}-of-job`))[0]!.metadata.traceparent)?.traceId };
}

it('jobs, timers and reactors go on in the trace that asked for them, with and without a tracer', async () => {
  const whole = { job: 'a'.repeat(32), reactor: 'a'.repeat(32), appended: 'a'.repeat(32) };
  expect(await workIn(traced, 'note-with')).toMatchObject(whole);
  expect(recorder.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['job:job note-with', 'timer:timer note-with']));
  const other = await freshDatabase(eventsMigrations);
  plain = new EventStore({ pool: other.appPool });
  expect(await workIn(plain, 'note-without')).toMatchObject(whole);
  await plain.close();
  await other.drop();
});
