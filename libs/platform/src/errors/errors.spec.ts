import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { RejectionError, type Rejection } from '@skein/kernel';
import { expect, test } from 'vitest';
import { fromGrpcError, STATUS_DETAILS, toGrpcError } from './grpc-status.js';
import { InvalidRequestError, violationsOf } from './invalid-request.js';
import { normaliseError } from './normalise.js';
import { retryAfterSeconds, toProblem } from './problem.js';
import { ERROR_TABLE, httpStatusOf, isRetriable } from './table.js';

const overTheWire = (error: RejectionError): RejectionError => fromGrpcError({ ...toGrpcError(error, 'c'), name: 'Error', message: '' } as ServiceError);

test('every code survives gRPC with rule, field, words and retriable', () => {
  for (const code of Object.keys(ERROR_TABLE) as Rejection['code'][]) {
    const rejection: Rejection = { code, rule: 'a-rule', message: 'words', field: 'a.b[1]', retriable: code === 'conflict' };
    const { retriable, ...rest } = rejection;
    const back = overTheWire(new RejectionError(rejection)).rejection;
    expect(back).toMatchObject(rest);
    expect(isRetriable(back)).toBe(retriable);
  }
});

test('all violations survive gRPC and are listed in the problem', () => {
  const error = new InvalidRequestError([{ field: 'a', rule: 'min-len', message: 'm' }, { field: 'b', rule: 'required', message: 'n' }]);
  expect(violationsOf(overTheWire(error))).toEqual(error.violations);
  expect(toProblem(error, 'c')).toMatchObject({ status: 400, field: 'a', rule: 'min-len', errors: error.violations });
});

test('a refusal for want of capacity says when to try again, on both transports', () => {
  const rejection: Rejection = { code: 'resource-exhausted', rule: 'overloaded', message: 'm', retriable: true, retryAfterMs: 1_250 };
  expect(overTheWire(new RejectionError(rejection)).rejection).toEqual(rejection);
  expect(toProblem(new RejectionError(rejection), 'c')).toMatchObject({ status: 429, code: 'resource-exhausted', rule: 'overloaded', retriable: true, retryAfterMs: 1_250 });
  expect([1, 1_000, 1_001].map((retryAfterMs) => retryAfterSeconds(new RejectionError({ ...rejection, retryAfterMs })))).toEqual(['1', '1', '2']);
  expect(retryAfterSeconds(new RejectionError({ code: 'resource-exhausted', rule: 'body-limit', message: 'm' }))).toBeUndefined();
});

test('a server without our details is mapped by its status', () => {
  const foreign = (code: number): Rejection => fromGrpcError({ code, details: 'd', metadata: new Metadata(), name: 'Error', message: '' }).rejection;
  expect([1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 16].map((code) => foreign(code).code)).toEqual(['deadline-exceeded', 'internal', 'invalid-argument', 'deadline-exceeded', 'not-found', 'resource-exhausted', 'invalid-argument', 'internal', 'internal', 'unavailable', 'unauthenticated']);
  expect(foreign(14).retriable).toBe(true);
});

test('a garbled details trailer does not hide the error', () => {
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS, Buffer.from([255, 255, 255]));
  expect(fromGrpcError({ code: 14, details: 'down', metadata, name: 'Error', message: '' }).rejection).toMatchObject({ code: 'unavailable', message: 'down' });
});

test('payment required is 402', () => {
  expect(httpStatusOf({ code: 'payment-required', rule: 'credit', message: '' })).toBe(402);
});

test('unknown errors keep their words to themselves', () => {
  expect(normaliseError(new Error('secret')).error.rejection).toEqual({ code: 'internal', rule: 'internal', message: 'internal error' });
  expect(normaliseError('secret').unexpected).toBe(true);
  expect(normaliseError(new RejectionError({ code: 'odd' as 'internal', rule: 'r', message: 'm' })).error.rejection.code).toBe('internal');
});

test.each(['ECONNREFUSED', 'ENOSPC', '53100', '53200', '57014', '55P03', '58030', '40001'])('what passes by itself (%s) may be tried again', (code) =>
  expect(normaliseError(Object.assign(new Error('x'), { code })).error.rejection).toMatchObject({ code: 'unavailable', retriable: true }));
