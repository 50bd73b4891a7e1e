import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Edge } from './trace-edges.js';

export * from './trace-edges.js';

/** The ids that name a span. */
export interface SpanName {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span as it came over OTLP. Times are epoch milliseconds, `kind` as the protocol counts: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
export interface RecordedSpan extends SpanName {
  readonly service: string;
  readonly instanceId: string;
  readonly name: string;
  readonly kind: number;
  readonly parentSpanId: string;
  readonly links: readonly SpanName[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly startMs: number;
  readonly endMs: number;
}

/** A collector for one test or one demo, on loopback: keeps everything that comes. */
export interface OtlpSink {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  spans(): readonly RecordedSpan[];
  /** Every request's body as it came, to be searched. */
  bodies(): readonly string[];
  /** Edges of everything so far, in order of their names. */
  edges(): readonly Edge[];
  stop(): Promise<void>;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
}
type KeyValues = readonly { readonly key: string; readonly value: AnyValue }[];
interface WireSpan extends SpanName {
  readonly name: string;
  readonly kind: number;
  readonly parentSpanId?: string;
  readonly links?: readonly SpanName[];
  readonly attributes?: KeyValues;
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}
interface WireRequest {
  readonly resourceSpans?: readonly { readonly resource?: { readonly attributes?: KeyValues }; readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[] }[];
}

const valueOf = ({ stringValue, boolValue, intValue, doubleValue, arrayValue }: AnyValue): unknown =>
  stringValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? arrayValue?.values?.map(valueOf);
const record = (attributes: KeyValues = []): Record<string, unknown> => Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
const milliseconds = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

/** Spans of one OTLP/HTTP JSON request. */
export function spansOf(body: string): RecordedSpan[] {
  const { resourceSpans = [] } = JSON.parse(body) as WireRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const about = record(resource?.attributes);
    return scopeSpans.flatMap(({ spans = [] }) =>
      spans.map(({ traceId, spanId, parentSpanId = '', name, kind, links = [], attributes, status, startTimeUnixNano, endTimeUnixNano }) => ({
        traceId, spanId, parentSpanId, name, kind,
        service: String(about['service.name']),
        instanceId: String(about['service.instance.id']),
        links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
        attributes: record(attributes),
        failed: status?.code === 2,
        startMs: milliseconds(startTimeUnixNano),
        endMs: milliseconds(endTimeUnixNano),
      })),
    );
  });
}

const keyOf = ({ traceId, spanId }: SpanName): string => `${traceId}/${spanId}`;

/** The topic or RPC service by which a span's service came to do it: its own, or that of the span above it in the same service; empty where none tells. */
function madeBy(span: RecordedSpan, spans: ReadonlyMap<string, RecordedSpan>): string {
  for (let at: RecordedSpan | undefined = span; at?.service === span.service; at = spans.get(keyOf({ traceId: at.traceId, spanId: at.parentSpanId }))) {
    const { 'messaging.destination.name': topic, 'rpc.method': method } = at.attributes;
    if (typeof topic === 'string') return topic;
    if (typeof method === 'string') return method.slice(0, Math.max(0, method.lastIndexOf('/')));
  }
  return '';
}

/** Who acted for or on whom, and by what: a span whose parent, or whose linked span, is another service's. Sorted by name. */
export function edgesOf(recorded: readonly RecordedSpan[]): Edge[] {
  const spans = new Map(recorded.map((span) => [keyOf(span), span]));
  const edges = new Map<string, Edge>();
  for (const span of recorded) {
    const causes = [{ traceId: span.traceId, spanId: span.parentSpanId }, ...span.links].map((cause) => spans.get(keyOf(cause))?.service);
    for (const from of new Set(causes)) {
      if (from === undefined || from === span.service) continue;
      const edge = { from, to: span.service, by: madeBy(span, spans) };
      const name = `${from}→${span.service} ${edge.by}`;
      edges.set(name, { ...edge, count: (edges.get(name)?.count ?? 0) + 1 });
    }
  }
  return [...edges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, edge]) => edge);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8');
}

/** Starts a sink on a free port of loopback (or the given one); takes `POST /v1/traces` as JSON, answers anything else with 404. */
export async function startOtlpSink(port = 0): Promise<OtlpSink> {
  const bodies: string[] = [];
  const spans: RecordedSpan[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return void response.writeHead(404).end();
    const body = await bodyOf(request);
    spans.push(...spansOf(body));
    bodies.push(body);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer((request, response) => void take(request, response).catch(() => response.writeHead(400).end()));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    bodies: () => bodies,
    edges: () => edgesOf(spans),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
