import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, durationFromMs, durationMs, type Any } from '@bufbuild/protobuf/wkt';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema, RetryInfoSchema, StatusSchema } from '@skein/contracts/google/rpc';
import { RejectionError, type Rejection, type RejectionCode } from '@skein/kernel';
import { InvalidRequestError, violationsOf } from './invalid-request.js';
import { codeOfGrpcStatus, ERROR_TABLE, grpcStatusOf, isRetriable } from './table.js';

/** Trailer with the serialised google.rpc.Status. */
export const STATUS_DETAILS = 'grpc-status-details-bin';
/** `ErrorInfo.domain` of every error of ours. */
export const ERROR_DOMAIN = 'skein';

const reasonOf = (rule: string): string => rule.toUpperCase().replaceAll('-', '_');

/** What grpc-js wants from a failed handler: status, sentence, trailer with ErrorInfo, BadRequest, RetryInfo and RequestInfo. */
export function toGrpcError(error: RejectionError, correlationId: string): { code: number; details: string; metadata: Metadata } {
  const { rejection } = error;
  const violations = violationsOf(error);
  const metadata: Record<string, string> = { code: rejection.code, rule: rejection.rule, retriable: String(isRetriable(rejection)) };
  if (rejection.field !== undefined && rejection.field !== '') metadata['field'] = rejection.field;
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: reasonOf(rejection.rule), domain: ERROR_DOMAIN, metadata }))];
  if (violations.length > 0) {
    const fieldViolations = violations.map(({ field, rule, message }) => ({ field, description: message, reason: reasonOf(rule) }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (rejection.retryAfterMs !== undefined) details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(rejection.retryAfterMs) })));
  details.push(anyPack(RequestInfoSchema, create(RequestInfoSchema, { requestId: correlationId })));
  const status = create(StatusSchema, { code: grpcStatusOf(rejection), message: rejection.message, details });
  const trailer = new Metadata();
  trailer.set(STATUS_DETAILS, Buffer.from(toBinary(StatusSchema, status)));
  trailer.set('x-correlation-id', correlationId);
  return { code: status.code, details: rejection.message, metadata: trailer };
}

const isCode = (code: string | undefined): code is RejectionCode => code !== undefined && code in ERROR_TABLE;

function detailsOf(raw: Buffer): readonly Any[] {
  try {
    return fromBinary(StatusSchema, raw).details;
  } catch {
    return [];
  }
}

function retryAfterMsOf(details: readonly Any[]): number | undefined {
  const delay = details.map((detail) => anyUnpack(detail, RetryInfoSchema)).find((detail) => detail !== undefined)?.retryDelay;
  return delay === undefined ? undefined : durationMs(delay);
}

/** The server's refusal back as a `RejectionError`; without our details, from the status alone. */
export function fromGrpcError(error: ServiceError): RejectionError {
  const raw = error.metadata?.get(STATUS_DETAILS)[0];
  const unpacked = Buffer.isBuffer(raw) ? detailsOf(raw) : [];
  const info = unpacked.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((detail) => detail !== undefined);
  const code = info?.metadata['code'];
  if (info === undefined || !isCode(code)) {
    const fallback = codeOfGrpcStatus(error.code);
    const retryAfterMs = retryAfterMsOf(unpacked);
    return new RejectionError({ code: fallback, rule: fallback, message: error.details, retriable: retryAfterMs !== undefined || ERROR_TABLE[fallback].retriable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  const field = info.metadata['field'];
  const rejection: Rejection = { code, rule: info.metadata['rule'] ?? code, message: error.details, retriable: info.metadata['retriable'] === 'true' };
  const bad = unpacked.map((detail) => anyUnpack(detail, BadRequestSchema)).find((detail) => detail !== undefined);
  if (code === 'invalid-argument' && bad !== undefined && bad.fieldViolations.length > 0)
    return new InvalidRequestError(bad.fieldViolations.map((v) => ({ field: v.field, rule: v.reason.toLowerCase().replaceAll('_', '-'), message: v.description })));
  const retryAfterMs = retryAfterMsOf(unpacked);
  return new RejectionError({ ...rejection, ...(field === undefined ? {} : { field }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}
