import { AsyncLocalStorage } from 'node:async_hooks';
import type { RandomSource } from '@skein/kernel';

/** The two ids of a W3C trace context, lower-case hex (32 and 16 digits). */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const current = new AsyncLocalStorage<string>();

/** A random id of `size` bytes as hex; all zeros is not a valid id, so its last bit is then set. */
function randomId(random: RandomSource, size: number): string {
  const hex = Buffer.from(random.bytes(size)).toString('hex');
  return /^0+$/.test(hex) ? `${hex.slice(0, -1)}1` : hex;
}

/** Starts a trace: a sampled W3C `traceparent` of version 00. */
export function newTraceparent(random: RandomSource): string {
  return `00-${randomId(random, 16)}-${randomId(random, 8)}-01`;
}

/** A new span in the parent's trace; a new trace where the parent is absent or malformed, as W3C asks. */
export function childTraceparent(parent: string | undefined, random: RandomSource): string {
  const ids = parseTraceparent(parent);
  return ids === undefined ? newTraceparent(random) : `00-${ids.traceId}-${randomId(random, 8)}-${parent!.slice(-2)}`;
}

/** The ids of a valid version-00 `traceparent`, else undefined. */
export function parseTraceparent(traceparent: string | undefined): TraceIds | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (match === null || /^0+$/.test(match[1]!) || /^0+$/.test(match[2]!)) return undefined;
  return { traceId: match[1]!, spanId: match[2]! };
}

/** Runs `work` with a trace context: log lines written inside carry its ids. */
export function withTrace<T>(traceparent: string | undefined, work: () => T): T {
  return traceparent === undefined ? work() : current.run(traceparent, work);
}

/** Runs `work` without the trace context of whoever happens to call: for loops that others' work wakes. */
export function outsideTrace<T>(work: () => T): T {
  return current.exit(work);
}

/** The trace context of the running work, if any. */
export function currentTraceparent(): string | undefined {
  return current.getStore();
}

const origins = new WeakMap<object, string>();

/** Runs `work` with a trace context that an error it throws remembers, for whoever logs that outside of it. */
export async function inTraceOf<T>(traceparent: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await withTrace(traceparent, work);
  } catch (error) {
    if (traceparent !== undefined && typeof error === 'object' && error !== null && !origins.has(error)) origins.set(error, traceparent);
    throw error;
  }
}

/** The trace context in which an error was thrown, where `inTraceOf` has seen it pass. */
export const traceOfError = (error: unknown): string | undefined => (typeof error === 'object' && error !== null ? origins.get(error) : undefined);
