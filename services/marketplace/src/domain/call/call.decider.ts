import type { Decider, Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { CallEvent, CallRan, CallStarted, Pins } from './call.events.js';

/** Begins an attempt: pins the price, or goes on with what an attempt that died had pinned. */
export interface StartCall {
  readonly type: 'start-call';
  readonly callId: string;
  readonly requestSha256: string;
  /** Pins for a call that has none yet. */
  readonly pins: Pins;
  /** USD units of 10^-9. */
  readonly maxPrice?: bigint;
  readonly leaseMs: number;
  readonly nowMs: number;
}

export interface RecordRun {
  readonly type: 'record-run';
  readonly attempt: number;
  readonly cpuUs: number;
  readonly computeCostE15: bigint;
  readonly nowMs: number;
}

export interface RecordCapture {
  readonly type: 'record-capture';
  readonly gross: bigint;
  readonly nowMs: number;
}

/** Ends a call that did not run. `lease-expired` only after the lease. */
export interface VoidCall {
  readonly type: 'void-call';
  readonly attempt: number;
  readonly reason: string;
  readonly nowMs: number;
}

export type CallCommand = StartCall | RecordRun | RecordCapture | VoidCall;

export type CallState =
  | { readonly status: 'none' }
  | { readonly status: 'started'; readonly started: CallStarted['data'] }
  | { readonly status: 'ran'; readonly started: CallStarted['data']; readonly ran: CallRan['data'] }
  | { readonly status: 'captured'; readonly started: CallStarted['data']; readonly ran: CallRan['data']; readonly gross: bigint }
  | { readonly status: 'voided'; readonly started: CallStarted['data']; readonly reason: string };

type Decision = Result<readonly CallEvent[], Rejection>;

const begin = (command: StartCall, attempt: number, pins: Pins): Decision =>
  ok([
    {
      type: 'skein.marketplace.call.started.v1',
      data: { ...pins, callId: command.callId, attempt, requestSha256: command.requestSha256, leaseUntilMs: command.nowMs + command.leaseMs, atMs: command.nowMs },
    },
  ]);

function start(command: StartCall, state: CallState): Decision {
  if (state.status !== 'none' && state.started.requestSha256 !== command.requestSha256)
    return reject('conflict', 'idempotency-key-reused', 'this idempotency key was used for another request', 'idempotency_key');
  if (state.status === 'ran' || state.status === 'captured') return ok([]);
  const { maxPrice, pins } = command;
  const resumed = state.status === 'started' ? pinsOf(state.started) : pins;
  if (maxPrice !== undefined && resumed.amountMax > maxPrice)
    return reject('failed-precondition', 'max-price', `this call may cost ${resumed.amountMax} base units of USD (10^-9), more than the max_price of ${maxPrice}`, 'max_price');
  if (state.status === 'none') return begin(command, 1, pins);
  if (state.status === 'voided') return begin(command, state.started.attempt + 1, pins);
  if (command.nowMs < state.started.leaseUntilMs)
    return { ok: false, error: { code: 'conflict', rule: 'call-still-running', message: 'a call with this idempotency key is still running', field: 'idempotency_key', retriable: true } };
  return begin(command, state.started.attempt + 1, resumed);
}

function recordRun(command: RecordRun, state: CallState): Decision {
  if (state.status === 'ran' || state.status === 'captured') return ok([]);
  if (state.status !== 'started' || state.started.attempt !== command.attempt)
    return { ok: false, error: { code: 'conflict', rule: 'attempt-superseded', message: 'another attempt of this call has taken over', retriable: true } };
  const { cpuUs, computeCostE15, nowMs } = command;
  return ok([{ type: 'skein.marketplace.call.ran.v1', data: { ...pinsOf(state.started), callId: state.started.callId, cpuUs, computeCostE15, atMs: nowMs } }]);
}

function recordCapture(command: RecordCapture, state: CallState): Decision {
  if (state.status === 'captured') return ok([]);
  if (state.status !== 'ran') return reject('failed-precondition', 'call-not-run', 'only a call that ran is captured');
  const { callId, reservationId } = state.started;
  return ok([{ type: 'skein.marketplace.call.captured.v1', data: { callId, reservationId, gross: command.gross, atMs: command.nowMs } }]);
}

function voidCall(command: VoidCall, state: CallState): Decision {
  if (state.status !== 'started' || state.started.attempt !== command.attempt) return ok([]);
  if (command.reason === 'lease-expired' && command.nowMs < state.started.leaseUntilMs) return ok([]);
  const { callId, reservationId, customer } = state.started;
  return ok([{ type: 'skein.marketplace.call.voided.v1', data: { callId, reservationId, customer, reason: command.reason, atMs: command.nowMs } }]);
}

function decide(command: CallCommand, state: CallState): Decision {
  switch (command.type) {
    case 'start-call':
      return start(command, state);
    case 'record-run':
      return recordRun(command, state);
    case 'record-capture':
      return recordCapture(command, state);
    case 'void-call':
      return voidCall(command, state);
  }
}

function pinsOf(data: Pins): Pins {
  const { reservationId, customer, keyId, model, version, priceVersion, unitPriceE15, rows, amountMax } = data;
  return { reservationId, customer, keyId, model, version, priceVersion, unitPriceE15, rows, amountMax };
}

function evolve(state: CallState, event: CallEvent): CallState {
  if (event.type === 'skein.marketplace.call.started.v1') return { status: 'started', started: event.data };
  if (state.status === 'none') return state;
  const { started } = state;
  switch (event.type) {
    case 'skein.marketplace.call.ran.v1':
      return { status: 'ran', started, ran: event.data };
    case 'skein.marketplace.call.captured.v1':
      return state.status === 'ran' ? { status: 'captured', started, ran: state.ran, gross: event.data.gross } : state;
    case 'skein.marketplace.call.voided.v1':
      return { status: 'voided', started, reason: event.data.reason };
  }
}

/**
 * One paid call: reserve → run → capture or void. The stream is named by customer and idempotency key, so a retry meets
 * the first attempt here: it gets its answer, waits for it, or takes over from one that died, and never pays twice.
 */
export const callDecider: Decider<CallState, CallCommand, CallEvent> = { initialState: () => ({ status: 'none' }), decide, evolve };
