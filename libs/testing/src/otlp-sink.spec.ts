import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { edgesOf, startOtlpSink, type RecordedSpan } from './otlp-sink.js';

const hex = (digit: string, size: number): string => digit.repeat(size);
const wire = (service: string, span: object): object => ({
  resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }, { key: 'service.instance.id', value: { stringValue: 'one' } }] },
  scopeSpans: [{ spans: [{ name: 'x', kind: 2, startTimeUnixNano: '1700000000000000000', endTimeUnixNano: '1700000000001500000', ...span }] }],
});
const parent = { traceId: hex('a', 32), spanId: hex('1', 16) };
const post = (url: string, body: RequestInit['body'], headers: Record<string, string> = {}) => fetch(`${url}/v1/traces`, { method: 'POST', body: body ?? null, headers });

it('keeps spans and answers edges by parents and by links', async () => {
  const sink = await startOtlpSink();
  const attributes = [
    { key: 'text', value: { stringValue: 'GET' } }, { key: 'whole', value: { intValue: '200' } }, { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }] } } },
    { key: 'flag', value: { boolValue: false } }, { key: 'real', value: { doubleValue: 0.5 } },
  ];
  const child = { traceId: hex('a', 32), spanId: hex('2', 16), parentSpanId: parent.spanId, attributes, status: { code: 2 } };
  const linked = { traceId: hex('b', 32), spanId: hex('3', 16), links: [parent, { traceId: hex('9', 32), spanId: hex('9', 16) }] };
  expect((await post(sink.url, JSON.stringify({ resourceSpans: [wire('arena', parent), wire('arena', { ...parent, spanId: hex('4', 16), parentSpanId: parent.spanId })] }))).status).toBe(200);
  const zipped = new Uint8Array(gzipSync(JSON.stringify({ resourceSpans: [wire('validation', child), wire('billing', linked), wire('billing', { ...linked, spanId: hex('5', 16) })] })));
  expect((await post(sink.url, zipped, { 'content-encoding': 'gzip' })).status).toBe(200);
  expect(sink.edges()).toEqual([{ from: 'arena', to: 'billing', by: '', count: 2 }, { from: 'arena', to: 'validation', by: '', count: 1 }]);
  expect(sink.spans()[2]).toMatchObject({ service: 'validation', instanceId: 'one', failed: true, startMs: 1_700_000_000_000, endMs: 1_700_000_000_001.5, attributes: { text: 'GET', whole: 200, list: ['a'], flag: false, real: 0.5 } });
  expect(sink.bodies()).toHaveLength(2);
  await sink.stop();
});

it('refuses what is no OTLP request', async () => {
  const sink = await startOtlpSink();
  expect((await fetch(sink.url)).status).toBe(404);
  expect((await post(sink.url, 'no JSON')).status).toBe(400);
  expect((await post(sink.url, '{}')).status).toBe(200);
  expect(sink.spans()).toEqual([]);
  await sink.stop();
});

it('tells by which topic or RPC service, of the span itself or of one above it', () => {
  const made = (service: string, id: string, parentId: string, attributes: RecordedSpan['attributes'] = {}, links: RecordedSpan['links'] = []): RecordedSpan =>
    ({ traceId: hex('a', 32), spanId: hex(id, 16), parentSpanId: hex(parentId, 16), service, instanceId: '', name: 'x', kind: 1, links, attributes, failed: false, startMs: 0, endMs: 0 });
  const spans = [
    made('arena', '1', '0'), made('billing', '2', '1', { 'messaging.destination.name': 'arena.reward.v1' }), made('billing', '3', '1', { 'rpc.method': 'skein.billing.internal.v1.CreditService/Reserve' }),
    made('billing', '4', '2', {}, [parent]),
  ];
  expect(edgesOf(spans)).toEqual([{ from: 'arena', to: 'billing', by: 'arena.reward.v1', count: 2 }, { from: 'arena', to: 'billing', by: 'skein.billing.internal.v1.CreditService', count: 1 }]);
});

it('finds no edge to a span that was not recorded', () => {
  const span: RecordedSpan = { ...parent, service: 'arena', instanceId: '', name: 'x', kind: 1, parentSpanId: hex('7', 16), links: [], attributes: {}, failed: false, startMs: 0, endMs: 0 };
  expect(edgesOf([span])).toEqual([]);
});
