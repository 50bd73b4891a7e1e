import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema, StatusSchema } from '@skein/contracts/google/rpc';

/**
 * A refusal or failure as a partner sees it. `code` is the gRPC status name in kebab-case, `rule` and `field` name what
 * was broken, `retriable` says that the same call with the same key may be repeated.
 */
export class SkeinError extends Error {
  readonly code: string;
  readonly rule: string | undefined;
  readonly field: string | undefined;
  readonly retriable: boolean;
  /** Where the service has too much to do: milliseconds before which trying again is of no use. */
  readonly retryAfterMs: number | undefined;
  constructor(fields: { code: string; message: string; rule?: string | undefined; field?: string | undefined; retriable?: boolean; retryAfterMs?: number | undefined }) {
    super(fields.message);
    this.name = 'SkeinError';
    this.code = fields.code;
    this.rule = fields.rule;
    this.field = fields.field;
    this.retriable = fields.retriable ?? false;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

const statusName = (code: number): string => (grpc.status[code] ?? 'UNKNOWN').toLowerCase().replaceAll('_', '-');
const RETRIABLE = new Set<number>([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED, grpc.status.ABORTED, grpc.status.CANCELLED]);

/** Reads google.rpc.Status from the trailers: ErrorInfo carries the rule, BadRequest the field, RetryInfo the time. */
function details(error: grpc.ServiceError): { rule?: string | undefined; field?: string | undefined; retriable?: boolean; retryAfterMs?: number | undefined } {
  const packed = error.metadata?.get('grpc-status-details-bin')[0];
  if (!(packed instanceof Uint8Array)) return {};
  const any = fromBinary(StatusSchema, packed).details;
  const info = any.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((detail) => detail !== undefined);
  const bad = any.map((detail) => anyUnpack(detail, BadRequestSchema)).find((detail) => detail !== undefined);
  const delay = any.map((detail) => anyUnpack(detail, RetryInfoSchema)).find((detail) => detail !== undefined)?.retryDelay;
  const retryAfterMs = delay === undefined ? undefined : durationMs(delay);
  return { retryAfterMs, rule: info?.metadata['rule'] ?? info?.reason, field: info?.metadata['field'] ?? bad?.fieldViolations[0]?.field, retriable: info?.metadata['retriable'] === 'true' };
}

/** Turns a grpc-js error into a `SkeinError`. */
export function toSkeinError(error: grpc.ServiceError): SkeinError {
  const { rule, field, retriable, retryAfterMs } = details(error);
  return new SkeinError({ code: statusName(error.code), message: error.details || error.message, rule, field, retriable: retriable ?? (retryAfterMs !== undefined || RETRIABLE.has(error.code)), retryAfterMs });
}

/** Turns an RFC 9457 problem document into a `SkeinError`; `retryAfter` is the header of that name, in seconds, where a gateway has answered. */
export function fromProblem(status: number, body: Record<string, unknown>, retryAfter?: string | null): SkeinError {
  const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : undefined);
  const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1_000 : undefined;
  const retryAfterMs = typeof body['retryAfterMs'] === 'number' ? body['retryAfterMs'] : seconds;
  const retriable = body['retriable'] === true || (typeof body['retriable'] !== 'boolean' && (status === 502 || status === 503 || status === 504 || retryAfterMs !== undefined));
  return new SkeinError({ code: text('code') ?? `http-${status}`, message: text('detail') ?? text('title') ?? `HTTP ${status}`, rule: text('rule'), field: text('field'), retriable, retryAfterMs });
}
