import * as grpc from '@grpc/grpc-js';

/**
 * A refusal or failure as a partner sees it. `code` is the gRPC status name in kebab-case, `rule` and `field` name what
 * was broken, `retriable` says that the same call with the same key may be repeated.
 */
export class SkeinError extends Error {
  readonly code: string;
  readonly rule: string | undefined;
  readonly field: string | undefined;
  readonly retriable: boolean;
  constructor(fields: { code: string; message: string; rule?: string | undefined; field?: string | undefined; retriable?: boolean }) {
    super(fields.message);
    this.name = 'SkeinError';
    this.code = fields.code;
    this.rule = fields.rule;
    this.field = fields.field;
    this.retriable = fields.retriable ?? false;
  }
}

const statusName = (code: number): string => (grpc.status[code] ?? 'UNKNOWN').toLowerCase().replaceAll('_', '-');
const RETRIABLE = new Set<number>([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED, grpc.status.ABORTED, grpc.status.CANCELLED]);

const header = (error: grpc.ServiceError, name: string): string | undefined => error.metadata?.get(name)[0]?.toString();

/** Turns a grpc-js error into a `SkeinError`; the rule and field travel in the trailers `skein-rule` and `skein-field`. */
export function toSkeinError(error: grpc.ServiceError): SkeinError {
  return new SkeinError({ code: statusName(error.code), message: error.details || error.message, rule: header(error, 'skein-rule'), field: header(error, 'skein-field'), retriable: RETRIABLE.has(error.code) });
}

/** Turns an RFC 9457 problem document into a `SkeinError`. */
export function fromProblem(status: number, body: Record<string, unknown>): SkeinError {
  const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : undefined);
  return new SkeinError({ code: text('code') ?? `http-${status}`, message: text('detail') ?? text('title') ?? `HTTP ${status}`, rule: text('rule'), field: text('field'), retriable: status === 502 || status === 503 || status === 504 });
}
