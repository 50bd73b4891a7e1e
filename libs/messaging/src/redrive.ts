import { tracerFor } from '@skein/events';
import { failpoint } from '@skein/telemetry';
import type pg from 'pg';
import type { MessageHandler } from './consumer.types.js';
import { leaseFirst, markDone, markFailed, openKeys, renewLease, type DeadLetterFilter, type LeasedLetter, type OpenKey } from './dead-letters.js';
import { Dispatcher } from './dispatch.js';
import { reasonOf } from './failure.js';
import type { EventLog } from './event-log.js';
import type { EventTypes } from './inspect.js';
import { wholeMessage } from './kept.js';
import { repaired, repairsOf } from './repairs.js';

/** What became of a redrive: messages done, and per key that failed again its first message's reason. */
export interface Redriven {
  readonly done: number;
  readonly failed: readonly { readonly topic: string; readonly key: string; readonly reason: string }[];
  /** Where it ended before it had come to all: what is left, and the `fromId` that goes on there. */
  readonly rest?: { readonly letters: number; readonly fromId: bigint };
}

/** What `redriveDeadLetters` needs: the handlers of the group, and which dead letters. */
export interface RedriveOptions extends DeadLetterFilter {
  readonly pool: pg.Pool;
  readonly handlers: readonly MessageHandler[];
  /** As the group's consumer has them. */
  readonly eventTypes?: EventTypes;
  /** What is not kept whole is read from it again. */
  readonly log?: EventLog;
  /** Who asked for it: kept with what is done. */
  readonly by?: string;
  readonly signal?: AbortSignal;
  /** How long a letter is held without word from whoever redrives it; default 12 000. */
  readonly leaseMs?: number;
  /** Ends after so many letters, or when so much time has passed and one more is done; default: with the last one. */
  readonly lettersMax?: number;
  readonly timeMs?: number;
  /** `rest` of the redrive that this one goes on from. */
  readonly fromId?: bigint;
}

/** Renewed three times in it; whoever takes over from a killed redrive waits so long. */
const LEASE_MS = 12_000;

/** What the redrive of a key needs. */
interface Redrive {
  readonly pool: pg.Pool;
  readonly group: string;
  readonly log: EventLog | undefined;
  readonly by: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly leaseMs: number;
  /** Letters that may still be taken. */
  readonly turns: Turns;
}

/** How much may be done in one go; the first letter always may, so that going on never stands still. */
class Turns {
  #left: number;
  #taken = false;
  readonly #endMs: number;
  constructor(letters: number, timeMs: number) {
    this.#left = letters;
    this.#endMs = performance.now() + timeMs;
  }

  over(): boolean {
    return this.#taken && (this.#left <= 0 || performance.now() >= this.#endMs);
  }

  take(): void {
    this.#left -= 1;
    this.#taken = true;
  }
}

/**
 * Handles parked messages again, key by key in order; a key is free again when its last parked message is done, and stops at
 * the first that fails again. Safe beside the running consumer, another redrive, and an operator who discards. Where it has to
 * end early it says what is left; going on from there does not try again what failed.
 */
export async function redriveDeadLetters(options: RedriveOptions): Promise<Redriven> {
  const { pool, group, log, by = '' } = options;
  const dispatcher = new Dispatcher(group, options.handlers, tracerFor(pool), options.eventTypes);
  const redrive = { pool, group, log, by, dispatcher, signal: options.signal ?? new AbortController().signal, leaseMs: options.leaseMs ?? LEASE_MS, turns: new Turns(options.lettersMax ?? Infinity, options.timeMs ?? Infinity) };
  const failed: { topic: string; key: string; reason: string }[] = [];
  let done = 0;
  for (const open of await openKeys(pool, options)) {
    const { topic, key } = open;
    const outcome = await redriveKey(redrive, topic, key);
    done += outcome.done;
    if (outcome.reason !== undefined) failed.push({ topic, key, reason: outcome.reason });
    if (outcome.cut) return { done, failed, ...(await restOf(pool, options, open)) };
  }
  return { done, failed };
}

/** What is open from this key on; letters that are done have made its first id a later one. */
async function restOf(pool: pg.Pool, filter: DeadLetterFilter, { firstId }: OpenKey): Promise<Pick<Redriven, 'rest'>> {
  const [next, ...others] = await openKeys(pool, { ...filter, fromId: firstId });
  return next === undefined ? {} : { rest: { letters: others.reduce((sum, { letters }) => sum + letters, next.letters), fromId: next.firstId } };
}

async function redriveKey(redrive: Redrive, topic: string, key: string): Promise<{ done: number; reason?: string; cut?: true }> {
  const { pool, group, signal, leaseMs, turns } = redrive;
  let done = 0;
  for (;;) {
    if (turns.over()) return { done, cut: true };
    const leased = signal.aborted ? undefined : await leaseFirst(pool, group, topic, key, leaseMs);
    if (leased === undefined) return { done };
    turns.take();
    try {
      await handleLetter(redrive, leased);
    } catch (error) {
      const reason = reasonOf(error);
      return (await markFailed(pool, leased, reason)) ? { done, reason } : { done };
    }
    failpoint('redrive.handled');
    if (await markDone(pool, leased, redrive.by)) done += 1;
    failpoint('redrive.done');
  }
}

/** Holds the letter while it is handled; a lease that is lost all the same aborts the handler. */
async function handleLetter({ pool, group, log, dispatcher, signal, leaseMs }: Redrive, leased: LeasedLetter): Promise<void> {
  const came = await wholeMessage(log, leased.letter);
  const repair = (await repairsOf(pool, group, [came])).get(came);
  const message = repair === undefined ? came : repaired(came, repair);
  const wrong = dispatcher.refusal(message, repair?.oversize);
  if (wrong !== undefined) throw wrong;
  const lost = new AbortController();
  const renew = (): Promise<void> => renewLease(pool, leased, leaseMs).then((held) => void (held || lost.abort()), () => undefined);
  const beat = setInterval(() => void renew(), leaseMs / 3);
  try {
    await dispatcher.call(message, 1, AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(beat);
  }
}
