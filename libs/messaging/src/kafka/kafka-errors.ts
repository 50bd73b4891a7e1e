import { RejectionError } from '@skein/kernel';

/** Answers of a broker to a commit of somebody who no longer holds the partition. */
const LOST = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_MEMBER_EPOCH', 'STALE_MEMBER_EPOCH']);

function* chain(error: unknown): Generator<object> {
  const seen = new Set<object>();
  const open: unknown[] = [error];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    if (typeof at !== 'object' || at === null || seen.has(at)) continue;
    seen.add(at);
    yield at;
    if ('cause' in at) open.push(at.cause);
    if ('originalError' in at) open.push(at.originalError);
    if ('errors' in at && Array.isArray(at.errors)) open.push(...(at.errors as unknown[]));
  }
}

/** Whether an error, or what caused it, has one of the broker's error names (`type` of kafkajs, `apiId` of the other client). */
export function hasKafkaError(error: unknown, names: ReadonlySet<string>): boolean {
  for (const each of chain(error)) {
    if ('type' in each && typeof each.type === 'string' && names.has(each.type)) return true;
    if ('apiId' in each && typeof each.apiId === 'string' && names.has(each.apiId)) return true;
  }
  return false;
}

/** The partition is another member's by now. */
export const isLost = (error: unknown): boolean => hasKafkaError(error, LOST);

/**
 * A client's failure as callers know failures: the broker is away, overloaded or changing, so trying again helps. What trying
 * again cannot mend was refused before the client was called.
 */
export function unavailable(error: unknown): RejectionError {
  if (error instanceof RejectionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const refusal = new RejectionError({ code: 'unavailable', rule: 'event-log-unavailable', message: `Kafka: ${reason}`, retriable: true });
  refusal.cause = error;
  return refusal;
}
