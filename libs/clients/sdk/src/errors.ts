import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, StatusSchema } from '@skein/contracts/google/rpc';

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

/** Reads google.rpc.Status from the trailers: ErrorInfo carries the rule, BadRequest the field. */
function details(error: grpc.ServiceError): { rule?: string | undefined; field?: string | undefined; retriable?: boolean } {
  const packed = error.metadata?.get('grpc-status-details-bin')[0];
  if (!(packed instanceof Uint8Array)) return {};
  const any = fromBinary(StatusSchema, packed).details;
  const info = any.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((detail) => detail !== undefined);
  const bad = any.map((detail) => anyUnpack(detail, BadRequestSchema)).find((detail) => detail !== undefined);
  return { rule: info?.metadata['rule'] ?? info?.reason, field: info?.metadata['field'] ?? bad?.fieldViolations[0]?.field, retriable: info?.metadata['retriable'] === 'true' };
}

/** Turns a grpc-js error into a `SkeinError`. */
export function toSkeinError(error: grpc.ServiceError): SkeinError {
  const { rule, field, retriable } = details(error);
  return new SkeinError({ code: statusName(error.code), message: error.details || error.message, rule, field, retriable: retriable ?? RETRIABLE.has(error.code) });
}

/** Turns an RFC 9457 problem document into a `SkeinError`. */
export function fromProblem(status: number, body: Record<string, unknown>): SkeinError {
  const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : undefined);
  return new SkeinError({ code: text('code') ?? `http-${status}`, message: text('detail') ?? text('title') ?? `HTTP ${status}`, rule: text('rule'), field: text('field'), retriable: status === 502 || status === 503 || status === 504 });
}
