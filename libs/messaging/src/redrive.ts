import { tracerFor } from '@skein/events';
import type pg from 'pg';
import type { MessageHandler } from './consumer.types.js';
import { leaseFirst, markDone, markFailed, openKeys, type DeadLetterFilter } from './dead-letters.js';
import { Dispatcher } from './dispatch.js';
import { reasonOf } from './failure.js';
import type { EventTypes } from './inspect.js';

/** What became of a redrive: messages done, and per key that failed again its first message's reason. */
export interface Redriven {
  readonly done: number;
  readonly failed: readonly { readonly topic: string; readonly key: string; readonly reason: string }[];
}

/** What `redriveDeadLetters` needs: the handlers of the group, and which dead letters. */
export interface RedriveOptions extends DeadLetterFilter {
  readonly pool: pg.Pool;
  readonly handlers: readonly MessageHandler[];
  /** As the group's consumer has them. */
  readonly eventTypes?: EventTypes;
  readonly signal?: AbortSignal;
}

/**
 * Handles parked messages again, key by key in order; a key is free again when its last parked message is done, and stops at
 * the first that fails again. Safe beside the running consumer and beside another redrive.
 */
export async function redriveDeadLetters(options: RedriveOptions): Promise<Redriven> {
  const dispatcher = new Dispatcher(options.group, options.handlers, tracerFor(options.pool), options.eventTypes);
  const signal = options.signal ?? new AbortController().signal;
  const failed: { topic: string; key: string; reason: string }[] = [];
  let done = 0;
  for (const { topic, key } of await openKeys(options.pool, options)) {
    const outcome = await redriveKey(options.pool, dispatcher, options.group, topic, key, signal);
    done += outcome.done;
    if (outcome.reason !== undefined) failed.push({ topic, key, reason: outcome.reason });
  }
  return { done, failed };
}

async function redriveKey(pool: pg.Pool, dispatcher: Dispatcher, group: string, topic: string, key: string, signal: AbortSignal): Promise<{ done: number; reason?: string }> {
  for (let done = 0; ; done++) {
    const letter = signal.aborted ? undefined : await leaseFirst(pool, group, topic, key);
    if (letter === undefined) return { done };
    try {
      const wrong = dispatcher.refusal(letter.message);
      if (wrong !== undefined) throw wrong;
      await dispatcher.call(letter.message, 1, signal);
    } catch (error) {
      const reason = reasonOf(error);
      await markFailed(pool, letter.id, reason);
      return { done, reason };
    }
    await markDone(pool, letter.id);
  }
}
