import { specOf } from '@skein/testing';
import { describe, expect, test } from 'vitest';
import type { StartCall } from './call.decider.js';
import { callDecider } from './call.decider.js';
import type { CallEvent, Pins } from './call.events.js';

const call = specOf(callDecider);
const pins: Pins = {
  reservationId: 'r1', customer: 'customers/c', keyId: 'k', model: 'pima', version: 1, priceVersion: 3, unitPriceE15: 1_000_000_000n, rows: 1, amountMax: 1_001n,
};
const start = (more: Partial<StartCall> = {}): StartCall => ({ type: 'start-call', callId: 'c', requestSha256: 'aa', pins, leaseMs: 10_000, nowMs: 1_000, ...more });
const started = (attempt = 1, atMs = 1_000, more: Partial<Pins> = {}): CallEvent => ({
  type: 'skein.marketplace.call.started.v1', data: { ...pins, ...more, callId: 'c', attempt, requestSha256: 'aa', leaseUntilMs: atMs + 10_000, atMs },
});
const run = (attempt = 1) => ({ type: 'record-run' as const, attempt, cpuUs: 40, computeCostE15: 5n, nowMs: 2_000 });
const ran: CallEvent = { type: 'skein.marketplace.call.ran.v1', data: { ...pins, callId: 'c', cpuUs: 40, computeCostE15: 5n, atMs: 2_000 } };
const captured: CallEvent = { type: 'skein.marketplace.call.captured.v1', data: { callId: 'c', reservationId: 'r1', gross: 1_000n, atMs: 3_000 } };
const voided: CallEvent = { type: 'skein.marketplace.call.voided.v1', data: { callId: 'c', reservationId: 'r1', customer: 'customers/c', reason: 'insufficient-credit', atMs: 1_500 } };

describe('starting', () => {
  test('pins the price', () => {
    call.given().when(start()).then(started());
  });

  test('below the price it may reach is refused before anything happens', () => {
    call.given().when(start({ maxPrice: 1_000n })).thenRejected({ code: 'failed-precondition', rule: 'max-price', field: 'max_price' });
    call.given().when(start({ maxPrice: 1_001n })).then(started());
  });

  test('with the key of another request is a conflict, in every state', () => {
    for (const given of [[started()], [started(), ran], [started(), ran, captured], [started(), voided]])
      call.given(...given).when(start({ requestSha256: 'bb' })).thenRejected({ code: 'conflict', rule: 'idempotency-key-reused' });
  });

  test('while an attempt runs waits; after its lease takes over at the pinned price', () => {
    const dearer = { ...pins, reservationId: 'r2', priceVersion: 9, amountMax: 9_000n };
    call.given(started()).when(start({ nowMs: 10_999, pins: dearer })).thenRejected({ rule: 'call-still-running', retriable: true });
    call.given(started()).when(start({ nowMs: 11_000, pins: dearer, maxPrice: 2_000n })).then(started(2, 11_000));
  });

  test('after it ran begins nothing', () => {
    call.given(started(), ran).when(start()).then();
    call.given(started(), ran, captured).when(start({ maxPrice: 1n })).then();
  });

  test('after a void begins anew with a new reservation', () => {
    const again = { ...pins, reservationId: 'r2', priceVersion: 4 };
    call.given(started(), voided).when(start({ pins: again, nowMs: 5_000 })).then(started(2, 5_000, again));
  });
});

describe('running', () => {
  test('is recorded once, by the attempt that holds the call', () => {
    call.given(started()).when(run()).then(ran);
    call.given(started(), ran).when(run()).then();
    call.given(started(), started(2, 11_000)).when(run(1)).thenRejected({ rule: 'attempt-superseded', retriable: true });
    call.given(started(), voided).when(run()).thenRejected({ rule: 'attempt-superseded' });
    call.given().when(run()).thenRejected({ rule: 'attempt-superseded' });
  });
});

describe('ending', () => {
  test('captured once, after it ran', () => {
    const capture = { type: 'record-capture' as const, gross: 1_000n, nowMs: 3_000 };
    call.given(started(), ran).when(capture).then(captured);
    call.given(started(), ran, captured).when(capture).then();
    call.given(started()).when(capture).thenRejected({ rule: 'call-not-run' });
  });

  test('voided only while it has not run, by its own attempt', () => {
    const end = { type: 'void-call' as const, attempt: 1, reason: 'insufficient-credit', nowMs: 1_500 };
    call.given(started()).when(end).then(voided);
    call.given(started(), voided).when(end).then();
    call.given(started(), ran).when(end).then();
    call.given(started(), started(2, 11_000)).when(end).then();
  });

  test('by its lease only after it', () => {
    const end = { type: 'void-call' as const, attempt: 1, reason: 'lease-expired', nowMs: 10_999 };
    call.given(started()).when(end).then();
    call.given(started()).when({ ...end, nowMs: 11_000 }).thenState((state) => expect(state.status).toBe('voided'));
  });
});
