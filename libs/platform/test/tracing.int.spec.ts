import { createLogger, startTracing, type ServiceTracing } from '@skein/telemetry';
import { eventually, startOtlpSink, type OtlpSink, type RecordedSpan } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createGrpcClients, type GrpcClients } from '../src/index.js';
import { NoteInternalService } from './gen/skein/test/internal/v1/notes_pb.js';
import { NoteService } from './gen/skein/test/v1/notes_pb.js';
import { apiKey, goodNote, SERVICE_SECRET, session, stage, type Stage } from './harness.js';

const TRACE = 'a'.repeat(32);
const PARENT = `00-${TRACE}-${'b'.repeat(16)}-01`;

let sink: OtlpSink;
let s: Stage;
let tracing: ServiceTracing;
let clients: GrpcClients;
const lines: Record<string, unknown>[] = [];
const logger = createLogger({ service: 'skein', level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });

beforeAll(async () => {
  sink = await startOtlpSink();
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '20' });
  s = await stage({ adapters: { logger } });
  tracing = await startTracing('billing', { environment: process.env });
  clients = createGrpcClients({ caller: 'billing', serviceTokenSecret: SERVICE_SECRET, peers: { arena: `127.0.0.1:${s.service.internalGrpcPort}` }, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 65_536, tracer: tracing.tracer });
});
afterAll(async () => {
  clients.close();
  await s.close();
  await tracing.shutdown();
  await sink.stop();
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_BSP_SCHEDULE_DELAY']) delete process.env[name];
});

const spanOf = (name: string, holds: (span: RecordedSpan) => boolean = () => true): Promise<RecordedSpan> =>
  eventually(async () => {
    const found = sink.spans().find((span) => span.name === name && holds(span));
    expect(found).toBeDefined();
    return found!;
  });

it('an HTTP request is a server span in its caller\'s trace, named by its route', async () => {
  await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization: await session(), traceparent: PARENT } });
  const span = await spanOf('POST /test/v1/notes');
  expect(span).toMatchObject({ service: 'arena', kind: 2, traceId: TRACE, parentSpanId: 'b'.repeat(16), failed: false });
  expect(span.attributes).toEqual({ 'http.request.method': 'POST', 'url.scheme': 'http', 'http.route': '/test/v1/notes', 'http.response.status_code': 200 });
});

it('refusals are answers, and paths are never told', async () => {
  expect((await s.rest('GET', '/test/v1/notes/CANARY-name')).status).toBeGreaterThanOrEqual(400);
  expect((await s.rest('GET', '/nowhere/CANARY-path')).status).toBe(404);
  expect((await s.rest('POST', '/test/v1/notes', { raw: '{"CANARY', headers: { authorization: apiKey('good1234', 'CANARY-secret-long-enough'), traceparent: 'CANARY' } })).status).toBeGreaterThanOrEqual(400);
  expect((await spanOf('GET unmatched')).attributes).toMatchObject({ 'http.response.status_code': 404 });
  await spanOf('POST /test/v1/notes', ({ attributes }) => attributes['http.response.status_code'] !== 200);
  expect(sink.bodies().join()).not.toContain('CANARY');
  expect(sink.spans().some(({ failed }) => failed)).toBe(false);
});

it('a request and its command leave log lines in the trace, with the ids of the server\'s span', async () => {
  const trace = 'f'.repeat(32);
  await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization: await session(), traceparent: PARENT.replace(TRACE, trace) } });
  const span = await spanOf('POST /test/v1/notes', ({ traceId }) => traceId === trace);
  const mine = await eventually(() => {
    const found = lines.filter(({ trace_id: id }) => id === trace);
    expect(found.map(({ message }) => message)).toEqual(expect.arrayContaining(['command', 'request']));
    return found;
  });
  expect(mine).toContainEqual(expect.objectContaining({ level: 'debug', service: 'arena', message: 'request', method: 'POST', route: '/test/v1/notes', code: 200, span_id: span.spanId }));
  expect(mine).toContainEqual(expect.objectContaining({ level: 'info', message: 'command', outcome: 'ok', span_id: span.spanId }));
  expect(lines.filter(({ message }) => message === 'request').map(({ route }) => route).join()).not.toContain('CANARY');
});

it('probes and scrapes make no spans', async () => {
  await s.rest('GET', '/metrics');
  await s.rest('GET', '/health/ready');
  await s.rest('GET', '/test/v1/CANARY-end');
  await eventually(async () => expect(sink.spans().filter(({ name }) => name.startsWith('GET')).length).toBeGreaterThanOrEqual(3));
  expect(sink.spans().map(({ name }) => name).join()).not.toMatch(/health|metrics/);
});

it('a gRPC call is a client\'s span and, in another service, a server\'s span below it', async () => {
  const answer = await clients.client(NoteInternalService, 'arena').whoAmI({}, { traceparent: PARENT });
  const server = await spanOf('skein.test.internal.v1.NoteInternalService/WhoAmI', ({ kind }) => kind === 2);
  const client = await spanOf('skein.test.internal.v1.NoteInternalService/WhoAmI', ({ kind }) => kind === 3);
  expect(client).toMatchObject({ service: 'billing', traceId: TRACE, parentSpanId: 'b'.repeat(16) });
  expect(server).toMatchObject({ service: 'arena', traceId: TRACE, parentSpanId: client.spanId, attributes: { 'rpc.system.name': 'grpc', 'rpc.response.status_code': 'OK' } });
  expect(answer.traceparent).toBe(`00-${TRACE}-${server.spanId}-01`);
  expect(sink.edges().map(({ from, to }) => `${from}→${to}`)).toEqual(['billing→arena']);
});

it('a refused call fails at the client by its code', async () => {
  const client = clients.client(NoteService, `127.0.0.1:${s.service.grpcPort}`);
  await expect(client.createNote({})).rejects.toBeDefined();
  const name = 'skein.test.v1.NoteService/CreateNote';
  expect(await spanOf(name, ({ kind, failed }) => kind === 3 && failed)).toMatchObject({ attributes: { 'error.type': expect.stringMatching(/^[a-z-]+$/) } });
  expect(await spanOf(name, ({ kind }) => kind === 2)).toMatchObject({ failed: false, attributes: { 'rpc.response.status_code': expect.stringMatching(/^[A-Z_]+$/) } });
});
