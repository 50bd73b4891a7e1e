import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';

/** The part of kafkajs's request queue that the patch touches. */
export interface RequestQueueLike {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/** The part of kafkajs's connection that the patch touches. */
export interface ConnectionLike {
  readonly requestQueue: { rejectAll(error: Error): void };
  readonly socket?: { destroy(): void };
  isConnected(): boolean;
  send(request: unknown): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

/** The part of kafkajs's consumer group that the patch touches. */
export interface ConsumerGroupLike {
  lastRequest: number;
  heartbeat(options: { readonly interval: number }): Promise<void>;
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

/**
 * kafkajs 2.2.4 keeps a connection on which a request was not answered in time, and sends every repetition over it. Where its
 * other end is gone without a word (half open), a relay would send into it until all repetitions have run out, a minute and a
 * half, and a consumer without end. So the connection is given up with the request: whoever tries again makes another.
 */
export function giveUpSilent(prototype: ConnectionLike): void {
  if (PATCHED in prototype) return;
  const { send } = prototype;
  prototype.send = async function sendOrGiveUp(this: ConnectionLike, request: unknown): Promise<unknown> {
    try {
      return await send.call(this, request);
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSRequestTimeoutError' && this.isConnected()) {
        // Nothing else that was asked over it will be answered either.
        this.requestQueue.rejectAll(error);
        this.socket?.destroy();
        void this.disconnect();
      }
      throw error;
    }
  };
  Object.defineProperty(prototype, PATCHED, { value: true });
}

/**
 * kafkajs 2.2.4 counts the time since its last heartbeat by the wall clock: when that steps back by an hour there is none for an
 * hour, the broker takes the partitions away, and nothing tells the consumer. A last heartbeat in the future is no reason to wait.
 */
export function beatAfterClockSteps(prototype: ConsumerGroupLike): void {
  if (PATCHED in prototype) return;
  const { heartbeat } = prototype;
  prototype.heartbeat = function beat(this: ConsumerGroupLike, options): Promise<void> {
    if (this.lastRequest > Date.now()) this.lastRequest = 0;
    return heartbeat.call(this, options);
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
    const connection = (require('kafkajs/src/network/connection.js') as { prototype: ConnectionLike }).prototype;
    if (typeof connection.send === 'function') giveUpSilent(connection);
    const group = (require('kafkajs/src/consumer/consumerGroup.js') as { prototype: ConsumerGroupLike }).prototype;
    if (typeof group.heartbeat === 'function') beatAfterClockSteps(group);
  }
  return require('kafkajs') as typeof KafkaJs;
}
