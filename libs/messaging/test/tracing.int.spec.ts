import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { EventStore, eventsMigrations, type EventMetadata } from '@skein/events';
import { currentTraceparent, parseTraceparent, startTracing, type ServiceTracing } from '@skein/telemetry';
import { edgesOf, eventually, freshDatabase, startOtlpSink, type OtlpSink, type RecordedSpan, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { onMessage, type Delivery } from '../src/consumer.types.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { EventLog } from '../src/event-log.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { Relay } from '../src/relay.js';
import { NOTED, notePublication, TOPIC } from './support/source.js';

const COUNT = 20;
let databases: TestDatabase[];
let log: EmbeddedEventLog;
let sink: OtlpSink;
let from: EventStore;
let into: EventStore;
const tracings: ServiceTracing[] = [];

beforeAll(async () => {
  databases = [await freshDatabase(eventsMigrations), await freshDatabase(eventLogMigrations), await freshDatabase(eventsMigrations, messagingMigrations)];
  sink = await startOtlpSink();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = sink.url;
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '20';
  for (const service of ['source', 'target']) tracings.push(await startTracing(service, { environment: process.env }));
  from = new EventStore({ pool: databases[0]!.appPool, tracer: tracings[0]!.tracer! });
  into = new EventStore({ pool: databases[2]!.appPool, tracer: tracings[1]!.tracer! });
  log = new EmbeddedEventLog({ url: databases[1]!.appUrl });
  await log.createTopics([{ topic: TOPIC, partitions: 1, retention: 'infinite' }]);
});
afterAll(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  delete process.env['OTEL_BSP_SCHEDULE_DELAY'];
  await log.close();
  await Promise.all(tracings.map((tracing) => tracing.shutdown()));
  await Promise.all([from.close(), into.close(), sink.stop()]);
  await Promise.all(databases.map((database) => database.drop()));
});

const metadata = (n: number): EventMetadata => ({ correlationId: `c-${n}`, actor: 'test' });
const named = (name: string): RecordedSpan[] => sink.spans().filter((span) => span.name === name);

/** Runs a consumer until it has had every message, and every span has come. */
async function consume(group: string, through: EventLog): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  const consumer = await startConsumer({
    log: through, pool: into.pool, group, policy: 'stop', concurrency: 1,
    handlers: [onMessage({
      topic: TOPIC, type: NOTED, schema: StringValueSchema,
      handle: async (_message, delivery) => {
        deliveries.push(delivery);
        await into.append(`copy-${group}-${delivery.message.offset}`, 'none', [{ type: 'copied', data: {} }], delivery.metadata('service:target'));
      },
    })],
  });
  const mine = (span: RecordedSpan): boolean => span.attributes['messaging.consumer.group.name'] === group;
  await eventually(async () => expect(named(`process ${TOPIC}`).filter(mine)).toHaveLength(COUNT), { timeoutMs: 20_000 });
  await consumer.stop();
  return deliveries;
}

/** A log that loses the trace context of what it delivers. */
const withoutContext = (inner: EventLog): EventLog => ({
  send: (messages) => inner.send(messages),
  consume: (options) => inner.consume({
    ...options,
    onBatch: (batch) => options.onBatch({ ...batch, messages: batch.messages.map(({ headers: { traceparent: _, ...headers }, ...message }) => ({ ...message, headers })) }),
  }),
  lag: (group) => inner.lag(group),
  createTopics: (specs) => inner.createTopics(specs),
  close: () => inner.close(),
});

it('a message\'s span is a child of the append that wrote its event; batches and sends link to what they carry', async () => {
  for (let n = 0; n < COUNT; n += 1) await from.append(`note-${n}`, 'none', [{ type: NOTED, data: 'CANARY' }], metadata(n));
  const relay = new Relay({ store: from, log, publications: [notePublication] });
  await relay.start();
  await eventually(async () => expect((await relay.lag()).get('notes')).toBe(0n), { timeoutMs: 20_000 });
  await relay.stop();
  const deliveries = await consume('with', log);
  const appends = new Map(named('append note').map((span) => [span.spanId, span]));
  const processed = named(`process ${TOPIC}`);
  expect(processed.every(({ parentSpanId, traceId, kind }) => appends.get(parentSpanId)?.traceId === traceId && kind === 5)).toBe(true);
  const effects = new Map(named('append copy-with').map((span) => [span.parentSpanId, span]));
  expect(processed.every(({ spanId }) => effects.has(spanId))).toBe(true);
  expect(deliveries.map(({ traceparent }) => traceparent?.split('-')[2]).sort()).toEqual(processed.map(({ spanId }) => spanId).sort());
  await eventually(async () => expect(named(`poll ${TOPIC}`).reduce((sum, { links }) => sum + links.length, 0)).toBeGreaterThan(1), { timeoutMs: 5_000 });
  expect(named(`send ${TOPIC}`).reduce((sum, { links }) => sum + links.length, 0)).toBe(COUNT);
  expect(processed[0]!.attributes).toMatchObject({ 'messaging.destination.name': TOPIC, 'messaging.operation.type': 'process', 'messaging.destination.partition.id': '0' });
  expect(edgesOf(sink.spans()).map(({ from: a, to }) => `${a}→${to}`)).toEqual(['source→target']);
  expect(sink.bodies().join()).not.toContain('CANARY');
});

it('a consumer that loses the context makes no edge', async () => {
  await consume('without', withoutContext(log));
  const lost = sink.spans().filter(({ attributes }) => attributes['messaging.consumer.group.name'] === 'without');
  const traces = new Set(lost.filter(({ name }) => name.startsWith('process')).map(({ traceId }) => traceId));
  expect(traces.size).toBe(COUNT);
  expect(edgesOf(sink.spans().filter((span) => traces.has(span.traceId) || span.service === 'source'))).toEqual([]);
});

it('a message\'s span links to what its event joins', async () => {
  const others = [1, 2].map((n) => ({ traceId: String(n).repeat(32), spanId: String(n).repeat(16) }));
  await from.append('joined', 'none', [{ type: NOTED, data: 'x' }], { ...metadata(0), links: others.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`) });
  const relay = new Relay({ store: from, log, publications: [notePublication] });
  await relay.start();
  const handled: string[] = [];
  const consumer = await startConsumer({
    log, pool: into.pool, group: 'joining', policy: 'stop',
    handlers: [onMessage({ topic: TOPIC, type: NOTED, schema: StringValueSchema, handle: async (_message, { streamId }) => void handled.push(streamId) })],
  });
  await eventually(() => expect(handled).toContain('joined'), { timeoutMs: 20_000 });
  const span = await eventually(() => {
    const found = named(`process ${TOPIC}`).find(({ attributes, links }) => attributes['messaging.consumer.group.name'] === 'joining' && links.length > 1);
    expect(found).toBeDefined();
    return found!;
  });
  expect(span.links).toEqual(expect.arrayContaining(others));
  await consumer.stop();
  await relay.stop();
});

it('lines about a message stand in its trace: that it was handled, that it is tried again, that it is parked', async () => {
  const lines: [message: string, traceId: string | undefined][] = [];
  const keep = (_: object, message: string): void => void lines.push([message, parseTraceparent(currentTraceparent())?.traceId]);
  const trace = 'e'.repeat(32);
  await from.append('logged-good', 'none', [{ type: NOTED, data: 'good' }], { ...metadata(0), traceparent: `00-${trace}-${'1'.repeat(16)}-01` });
  await from.append('logged-bad', 'none', [{ type: NOTED, data: 'bad' }], { ...metadata(0), traceparent: `00-${trace}-${'2'.repeat(16)}-01` });
  const relay = new Relay({ store: from, log, publications: [notePublication] });
  await relay.start();
  const failing = (streamId: string): void => {
    if (streamId === 'logged-bad') throw new TypeError('no');
  };
  const consumer = await startConsumer({
    log, pool: into.pool, group: 'logging', policy: 'park', logger: { debug: keep, info: keep, warn: keep, error: keep }, timing: { retryDelayMs: 1 },
    handlers: [onMessage({ topic: TOPIC, type: NOTED, schema: StringValueSchema, handle: async (_message, { streamId }) => failing(streamId) })],
  });
  const parked = 'poisoned message: parked with the later messages of its key';
  await eventually(() => expect(lines.map(([message]) => message)).toContain(parked), { timeoutMs: 20_000 });
  const again = 'message failed; it is tried again';
  await eventually(() => expect(lines.filter(([, traceId]) => traceId === trace).map(([message]) => message).sort()).toEqual(['message', 'message', again, again, parked].sort()));
  expect(lines.every(([, traceId]) => traceId !== undefined)).toBe(true);
  await consumer.stop();
  await relay.stop();
});
