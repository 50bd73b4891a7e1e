import { SpanKind, type Meter, type Tracer } from '@opentelemetry/api';
import { childTraceparent, startSpan, withTrace, type OpenSpan } from '@skein/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from '../logger.js';
import { SECONDS } from '../metrics.js';
import { random } from './random.js';

/** What is known of a request under way. */
interface Observed {
  readonly startedMs: number;
  readonly span: OpenSpan | undefined;
  readonly traceparent: string;
  route: string | undefined;
}

const observed = new WeakMap<FastifyRequest, Observed>();

/** Asked for by machines every few seconds: no spans. */
const QUIET = /^\/(?:[a-z-]+\/)?(?:health(?:\/|$)|metrics$)/;

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0] ?? '';

/** The trace context of the server's span for a request: what its effects are stored with. */
export const traceOfRequest = (request: FastifyRequest): string =>
  observed.get(request)?.traceparent ?? childTraceparent(single(request.headers['traceparent']), random);

/** Tells the template that a request has matched; paths themselves may name people and are never told. */
export function routeOfRequest(request: FastifyRequest, route: string): void {
  const seen = observed.get(request);
  if (seen !== undefined) seen.route = route;
}

function begin(request: FastifyRequest, tracer: Tracer | undefined): Observed {
  const parent = single(request.headers['traceparent']);
  const attributes = { 'http.request.method': request.method, 'url.scheme': 'http' };
  const span = QUIET.test(pathOf(request)) ? undefined : startSpan(tracer, request.method, { kind: SpanKind.SERVER, parent, root: parent === undefined, attributes });
  return { startedMs: performance.now(), span, traceparent: span?.traceparent ?? childTraceparent(parent, random), route: undefined };
}

/** Where what is seen of requests goes. */
export interface HttpObservers {
  readonly tracer: Tracer | undefined;
  readonly meter: Meter;
  readonly logger: Logger;
}

/** A span for every request, `http_server_duration_seconds{method,route,code}`, and a log line in the span's trace: a warning where something failed unexpectedly. */
export function observeHttp(app: FastifyInstance, { tracer, meter, logger }: HttpObservers): void {
  const duration = meter.createHistogram('http_server_duration_seconds', { unit: 's', description: 'Time from the head of an HTTP request to the end of its answer', advice: { explicitBucketBoundaries: SECONDS } });
  app.addHook('onRequest', (request, _reply, done) => {
    observed.set(request, begin(request, tracer));
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const seen = observed.get(request);
    if (seen !== undefined) {
      const { statusCode } = reply;
      const route = seen.route ?? request.routeOptions.url ?? 'unmatched';
      const tookMs = performance.now() - seen.startedMs;
      const level = statusCode === 500 ? 'warn' : 'debug';
      withTrace(seen.traceparent, () => {
        duration.record(tookMs / 1_000, { method: request.method, route, code: String(statusCode) });
        if (!QUIET.test(pathOf(request))) logger[level]({ method: request.method, route, code: statusCode, correlationId: request.id, duration_ms: Math.round(tookMs) }, 'request');
      });
      seen.span?.rename(`${request.method} ${route}`);
      seen.span?.set({ 'http.route': route, 'http.response.status_code': statusCode });
      seen.span?.end(statusCode >= 500 ? String(statusCode) : undefined);
    }
    done();
  });
}
