import { AsyncLocalStorage } from 'node:async_hooks';
import type { CommandKey, EventMetadata } from '@skein/events';
import { withTrace } from '@skein/telemetry';
import type { Identity } from './identity.js';

/** What is stored beside each event that a call causes. */
export type CallMetadata = EventMetadata;

/** Everything a handler may know about the call besides its request. */
export interface CallContext {
  readonly identity: Identity;
  /** Follows the work through every service; from `x-correlation-id` or made here. */
  readonly correlationId: string;
  /** W3C trace context of the server's span. */
  readonly traceparent?: string;
  /** `request_id` of a command, a UUID; on REST also from `Idempotency-Key`. */
  readonly requestId?: string;
  /** SHA-256 (hex) of method and request without `request_id`: the same key with another hash is a conflict. */
  readonly requestHash: string;
  /** When the caller gives up, epoch milliseconds of this process's clock. */
  readonly deadlineMs?: number;
  /** Aborted when the caller goes away, the deadline passes or the server stops. */
  readonly signal: AbortSignal;
  /** Metadata for the events of this call: actor is the caller, tenant the caller's wallet or organisation. */
  metadata(): CallMetadata;
  /** Key of the command under this caller; pass it as `key` to `store.execute`. Throws when the call has no request_id. */
  key(scope: string, options?: { forever?: boolean }): CommandKey;
}

const current = new AsyncLocalStorage<CallContext>();

/** The call being handled, if any: the gRPC client takes correlation, trace and deadline from it. */
export const currentCall = (): CallContext | undefined => current.getStore();

const NEVER = new AbortController().signal;

/**
 * Runs `work` that several calls will share the result of: it goes on when the call that began it is over, without its
 * deadline, but in its trace.
 */
export function runShared<T>(work: () => T): T {
  const call = current.getStore();
  if (call === undefined) return work();
  const shared = Object.create(call, { deadlineMs: { value: undefined }, signal: { value: NEVER } }) as CallContext;
  return current.run(shared, work);
}

/** Runs `work` as part of `call`. */
export const runInCall = <T>(call: CallContext, work: () => T): T => current.run(call, () => withTrace(call.traceparent, work));
