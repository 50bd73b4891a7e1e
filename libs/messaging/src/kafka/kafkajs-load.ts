import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';

/** The part of kafkajs's request queue that the patch touches. */
export interface RequestQueueLike {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const PATCHED_VERSION = '2.2.4';
const PATCHED = Symbol.for('skein.kafkajs.patched');

/**
 * kafkajs 2.2.4 sets a timer to look for pending requests after every answer, also when none is pending and nothing throttles:
 * its delay is then negative, that is 1 ms, and each timer sets the next. An idle connection so wakes up a thousand times a
 * second (4.3 % of a core). What is pushed while the queue is full or throttled calls this function again, so nothing is lost
 * by waiting until something is pending.
 */
export function stopIdleSpin(prototype: RequestQueueLike): void {
  if (PATCHED in prototype) return;
  const original = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleIfPending(this: RequestQueueLike): void {
    if (this.pending.length > 0) original.call(this);
  };
  Object.defineProperty(prototype, PATCHED, { value: true });
}

/** Loads kafkajs (only now: a process on the embedded log does not pay for it), patched where it is the version we know. */
export function loadKafkaJs(): typeof KafkaJs {
  const require = createRequire(import.meta.url);
  const { version } = require('kafkajs/package.json') as { version: string };
  if (version === PATCHED_VERSION) {
    const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as { prototype: RequestQueueLike };
    if (typeof prototype.scheduleCheckPendingRequests === 'function') stopIdleSpin(prototype);
  }
  return require('kafkajs') as typeof KafkaJs;
}
