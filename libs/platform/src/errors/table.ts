import type { Rejection, RejectionCode } from '@skein/kernel';

/** How one code travels: gRPC's status number, HTTP's status, title of the problem, whether trying again may help. */
export interface ErrorRow {
  readonly grpc: number;
  readonly http: number;
  readonly title: string;
  readonly retriable: boolean;
}

/** The one table of codes, for gRPC, REST and the documentation of both. */
export const ERROR_TABLE: Readonly<Record<RejectionCode, ErrorRow>> = {
  'invalid-argument': { grpc: 3, http: 400, title: 'Invalid argument', retriable: false },
  'not-found': { grpc: 5, http: 404, title: 'Not found', retriable: false },
  'already-exists': { grpc: 6, http: 409, title: 'Already exists', retriable: false },
  conflict: { grpc: 10, http: 409, title: 'Conflict', retriable: false },
  'failed-precondition': { grpc: 9, http: 409, title: 'Failed precondition', retriable: false },
  unauthenticated: { grpc: 16, http: 401, title: 'Unauthenticated', retriable: false },
  'permission-denied': { grpc: 7, http: 403, title: 'Permission denied', retriable: false },
  'payment-required': { grpc: 9, http: 402, title: 'Payment required', retriable: false },
  'resource-exhausted': { grpc: 8, http: 429, title: 'Resource exhausted', retriable: false },
  unavailable: { grpc: 14, http: 503, title: 'Unavailable', retriable: true },
  'deadline-exceeded': { grpc: 4, http: 504, title: 'Deadline exceeded', retriable: true },
  internal: { grpc: 13, http: 500, title: 'Internal error', retriable: false },
};

/** Rules of the transport itself whose HTTP status says more than their code's. */
const HTTP_BY_RULE: Readonly<Record<string, number>> = { 'body-limit': 413, 'content-type': 415, unimplemented: 501 };
const GRPC_BY_RULE: Readonly<Record<string, number>> = { unimplemented: 12 };

/** HTTP status of a refusal. */
export const httpStatusOf = (rejection: Rejection): number => HTTP_BY_RULE[rejection.rule] ?? ERROR_TABLE[rejection.code].http;

/** gRPC status number of a refusal. */
export const grpcStatusOf = (rejection: Rejection): number => GRPC_BY_RULE[rejection.rule] ?? ERROR_TABLE[rejection.code].grpc;

/** Whether the same call may succeed later. */
export const isRetriable = (rejection: Rejection): boolean => rejection.retriable ?? ERROR_TABLE[rejection.code].retriable;

/** Code of a gRPC status from a server that sent no details. */
export function codeOfGrpcStatus(status: number): RejectionCode {
  const codes = Object.keys(ERROR_TABLE) as RejectionCode[];
  if (status === 1) return 'deadline-exceeded';
  if (status === 11) return 'invalid-argument';
  return codes.find((code) => ERROR_TABLE[code].grpc === status) ?? 'internal';
}
