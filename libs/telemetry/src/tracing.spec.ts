import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import { RejectionError } from '@skein/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';
import { inSpan, startSpan } from './span.js';
import { currentTraceparent, parseTraceparent, withTrace } from './trace.js';
import { startTracing, tracerOf, tracingIsOn, type ServiceTracing } from './tracing.js';

const STORED = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const OTHER = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;

interface Wire {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[] }; readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[] }[];
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

let server: Server;
let bodies: string[];
let headers: Record<string, unknown>[];
let open: ServiceTracing[];

beforeEach(async () => {
  [bodies, headers, open] = [[], [], []];
  server = createServer((request, response) => {
    headers.push(request.headers);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => {
      bodies.push(body);
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-tenant=skein';
});

afterEach(async () => {
  await Promise.all(open.map((one) => one.shutdown()));
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_HEADERS']) delete process.env[name];
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function start(service: string, environment: Record<string, string> = {}): Promise<ServiceTracing> {
  const tracing = await startTracing(service, { version: '1.2.3', environment: { ...process.env, ...environment } });
  open.push(tracing);
  return tracing;
}

/** Everything sent once all tracings are shut down: spans with their resource. */
async function sent(): Promise<(WireSpan & { readonly resource: Record<string, string> })[]> {
  await Promise.all(open.splice(0).map((one) => one.shutdown()));
  return bodies.flatMap((body) => (JSON.parse(body) as Wire).resourceSpans).flatMap(({ resource, scopeSpans }) => {
    const about = Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue]));
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, resource: about })));
  });
}

describe('tracing', () => {
  it('is off without an endpoint, and where it is switched off', async () => {
    expect(tracingIsOn({})).toBe(false);
    expect(tracingIsOn({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' })).toBe(true);
    expect(tracingIsOn({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' })).toBe(true);
    expect(tracingIsOn({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'TRUE' })).toBe(false);
    expect(tracingIsOn({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_TRACES_EXPORTER: 'none' })).toBe(false);
    const { tracer, shutdown } = await startTracing('arena', { environment: {} });
    expect([tracer, tracerOf('arena')]).toEqual([undefined, undefined]);
    expect(startSpan(tracer, 'x')).toBeUndefined();
    const seen = await withTrace(STORED, () => inSpan(tracer, 'x', () => expect.unreachable('nobody asks'), async (span) => [span, currentTraceparent()]));
    expect(seen).toEqual([undefined, STORED]);
    await shutdown();
  });

  it('sends each service\'s spans under its own resource, with the headers of the environment', async () => {
    const [arena, billing] = [await start('arena'), await start('billing')];
    expect(tracerOf('arena')).toBe(arena.tracer);
    startSpan(arena.tracer, 'of arena')!.end();
    startSpan(billing.tracer, 'of billing')!.end();
    const spans = await sent();
    const about = new Map(spans.map(({ name, resource }) => [name, resource]));
    expect(about.get('of arena')).toMatchObject({ 'service.name': 'arena', 'service.version': '1.2.3', 'service.namespace': 'skein' });
    expect(about.get('of billing')).toMatchObject({ 'service.name': 'billing' });
    expect(about.get('of arena')!['service.instance.id']).toBe(about.get('of billing')!['service.instance.id']);
    expect(headers[0]).toMatchObject({ 'x-tenant': 'skein', 'content-type': 'application/json' });
    expect(tracerOf('arena')).toBeUndefined();
  });

  it('goes on with the others when one service closes', async () => {
    const [arena, billing] = [await start('arena'), await start('billing')];
    startSpan(arena.tracer, 'before')!.end();
    await arena.shutdown();
    await arena.shutdown();
    expect(bodies.join()).toContain('before');
    startSpan(billing.tracer, 'after')!.end();
    expect((await sent()).map(({ name }) => name)).toContain('after');
  });

  it('continues a stored context, and nests what runs inside in the same trace', async () => {
    const { tracer } = await start('arena');
    let inner: string | undefined;
    const outer = await inSpan(tracer, 'outer', () => ({ kind: SpanKind.CONSUMER, parent: STORED }), async (span) => {
      inner = await inSpan(tracer, 'inner', () => ({ parent: STORED }), async () => currentTraceparent());
      await inSpan(tracer, 'elsewhere', () => ({ parent: OTHER, links: [STORED, undefined, 'nonsense'] }), async () => undefined);
      await inSpan(tracer, 'implicit', () => ({}), async () => undefined);
      await inSpan(tracer, 'root', () => ({ root: true, parent: STORED }), async () => undefined);
      return span!.traceparent;
    });
    const spans = new Map((await sent()).map((span) => [span.name, span]));
    expect(spans.get('outer')).toMatchObject({ traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16), kind: 5 });
    expect(spans.get('inner')).toMatchObject({ traceId: 'a'.repeat(32), parentSpanId: parseTraceparent(outer)!.spanId, kind: 1 });
    expect(parseTraceparent(inner)!.spanId).toBe(spans.get('inner')!.spanId);
    expect(spans.get('elsewhere')).toMatchObject({ traceId: 'c'.repeat(32), parentSpanId: 'd'.repeat(16) });
    expect(spans.get('elsewhere')!.links.map(({ spanId }) => spanId)).toEqual(['b'.repeat(16)]);
    expect([spans.get('root')!.parentSpanId ?? '', spans.get('root')!.traceId === 'a'.repeat(32)]).toEqual(['', false]);
    expect(spans.get('implicit')!.parentSpanId).toBe(parseTraceparent(outer)!.spanId);
  });

  it('links to stored contexts that were not known when it began, and to nothing that is none', async () => {
    const { tracer } = await start('arena');
    const span = startSpan(tracer, 'x', { parent: STORED })!;
    span.link([OTHER, 'nonsense']);
    span.end();
    expect((await sent())[0]!.links).toMatchObject([{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }]);
  });

  it('begins a trace where there is none', async () => {
    const { tracer } = await start('arena');
    await inSpan(tracer, 'root', () => ({ parent: undefined }), async (span) => expect(parseTraceparent(span!.traceparent)).toBeDefined());
    expect((await sent())[0]!.parentSpanId ?? '').toBe('');
  });

  it('says of a failure its code or class, never its words', async () => {
    const { tracer } = await start('arena');
    const fail = (error: unknown) => expect(inSpan(tracer, 'x', () => ({}), () => Promise.reject(error))).rejects.toBe(error);
    await fail(new TypeError('CANARY'));
    await fail(new RejectionError({ code: 'conflict', rule: 'r', message: 'CANARY' }));
    await fail(Object.assign(new Error('CANARY'), { code: '23505' }));
    const spans = await sent();
    expect(spans.every(({ status }) => status.code === 2 && (status.message ?? '') === '')).toBe(true);
    const text = bodies.join();
    expect(text).not.toContain('CANARY');
    for (const name of ['TypeError', 'conflict', '23505']) expect(text).toContain(`"${name}"`);
  });

  it('puts the span\'s ids on log lines', async () => {
    const { tracer } = await start('arena');
    const lines: string[] = [];
    const logger = createLogger({ service: 'arena', destination: { write: (line) => void lines.push(line) } });
    const traceparent = await inSpan(tracer, 'x', () => ({}), async (span) => {
      logger.info({}, 'inside');
      return span!.traceparent;
    });
    const { traceId, spanId } = parseTraceparent(traceparent)!;
    expect(JSON.parse(lines[0]!)).toMatchObject({ trace_id: traceId, span_id: spanId });
  });

  it('samples as the environment says; what is not sampled keeps its trace', async () => {
    const { tracer } = await start('arena', { OTEL_TRACES_SAMPLER: 'always_off' });
    const span = startSpan(tracer, 'x', { parent: STORED })!;
    span.end();
    expect(span.traceparent).toMatch(new RegExp(`^00-${'a'.repeat(32)}-(?!b{16})[0-9a-f]{16}-00$`));
    expect(await sent()).toEqual([]);
    await expect(startTracing('arena', { environment: { ...process.env, OTEL_TRACES_SAMPLER: 'sometimes' } })).rejects.toThrow('OTEL_TRACES_SAMPLER');
  });

  it('follows the caller\'s decision by default', async () => {
    const { tracer } = await start('arena');
    startSpan(tracer, 'unsampled', { parent: STORED.replace(/01$/, '00') })!.end();
    startSpan(tracer, 'sampled', { parent: STORED })!.end();
    expect((await sent()).map(({ name }) => name)).toEqual(['sampled']);
  });

  it('does not hold up the end when the collector is away', async () => {
    const { tracer } = await start('arena');
    startSpan(tracer, 'lost')!.end();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await open.splice(0)[0]!.shutdown();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
});
