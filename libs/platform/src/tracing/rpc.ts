import type { DescMethod } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { SpanKind, type Attributes, type Tracer } from '@opentelemetry/api';
import { childTraceparent, startSpan, type OpenSpan, type SpanStart } from '@skein/telemetry';
import { random } from './random.js';

const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;
const about = (method: DescMethod): Attributes => ({ 'rpc.system.name': 'grpc', 'rpc.method': nameOf(method) });

/** Failures that are a server's own, by OpenTelemetry's conventions; the others are answers. */
const OWN = new Set<number>([status.UNKNOWN, status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED, status.INTERNAL, status.UNAVAILABLE, status.DATA_LOSS]);

/** The span of one gRPC call at its server. */
export interface ServerSpan {
  /** Of the span, or of one that nobody records: what the call's effects are stored with. */
  readonly traceparent: string;
  end(code: status): void;
}

/** Begins it; `parent` is the caller's `traceparent`. */
export function serverSpan(tracer: Tracer | undefined, method: DescMethod, parent: string | undefined): ServerSpan {
  const span = startSpan(tracer, nameOf(method), { kind: SpanKind.SERVER, parent, root: parent === undefined, attributes: about(method) });
  return {
    traceparent: span?.traceparent ?? childTraceparent(parent, random),
    end(code) {
      span?.set({ 'rpc.response.status_code': status[code] ?? String(code) });
      span?.end(OWN.has(code) ? status[code] : undefined);
    },
  };
}

/** How the span of a call of ours begins. */
export const clientStart = (method: DescMethod, parent: string | undefined, peer: string | undefined): SpanStart => ({
  kind: SpanKind.CLIENT, parent, attributes: { ...about(method), ...(peer === undefined ? {} : { 'skein.peer.service': peer }) },
});

/** A client's span while a stream of answers is read. */
export const clientSpan = (tracer: Tracer | undefined, method: DescMethod, parent: string | undefined, peer: string | undefined): OpenSpan | undefined =>
  tracer === undefined ? undefined : startSpan(tracer, nameOf(method), clientStart(method, parent, peer));

export { nameOf as rpcNameOf };
