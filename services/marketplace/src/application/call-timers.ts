import type { Effect, Recorded } from '@skein/events';
import type { CallEvent } from '../domain/call/call.events.js';

/** Kind of the timer that looks after a call which nobody has brought to its end. */
export const CALL_WATCH = 'call-watch';

export interface WatchPayload {
  readonly callId: string;
}

/** A call is watched from its first attempt until it is captured or voided. */
export function callTimers(events: readonly Recorded<CallEvent>[]): Effect[] {
  const last = events.at(-1);
  if (!last) return [];
  const { callId } = last.data;
  const id = `${CALL_WATCH}-${callId}`;
  const payload: WatchPayload = { callId };
  switch (last.type) {
    case 'skein.marketplace.call.started.v1':
      return [{ timer: { id, kind: CALL_WATCH, dueAtMs: last.data.leaseUntilMs, payload } }];
    case 'skein.marketplace.call.ran.v1':
      // The timer of its attempt still stands and charges it.
      return [];
    case 'skein.marketplace.call.captured.v1':
    case 'skein.marketplace.call.voided.v1':
      return [{ cancelTimer: { id } }];
  }
}
