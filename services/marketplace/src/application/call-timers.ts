import type { DueTimer, Effect, EventStore, Recorded } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { callDecider } from '../domain/call/call.decider.js';
import type { CallEvent } from '../domain/call/call.events.js';
import type { Inference } from './inference.js';
import { callStream } from './names.js';

/** Kind of the timer that looks after a call which nobody has brought to its end. */
export const CALL_WATCH = 'call-watch';

interface WatchPayload {
  readonly callId: string;
}

/** A call is watched from its first attempt until it is captured or voided. */
export function callTimers(events: readonly Recorded<CallEvent>[], leaseMs: number): Effect[] {
  const last = events.at(-1);
  if (!last) return [];
  const { callId } = last.data;
  const id = `${CALL_WATCH}-${callId}`;
  const payload: WatchPayload = { callId };
  switch (last.type) {
    case 'skein.marketplace.call.started.v1':
      return [{ timer: { id, kind: CALL_WATCH, dueAtMs: last.data.leaseUntilMs, payload } }];
    case 'skein.marketplace.call.ran.v1':
      return [{ timer: { id, kind: CALL_WATCH, dueAtMs: last.data.atMs + leaseMs, payload } }];
    case 'skein.marketplace.call.captured.v1':
    case 'skein.marketplace.call.voided.v1':
      return [{ cancelTimer: { id } }];
  }
}

/** Its process is gone or billing was away: what ran is charged, what did not is voided. */
export async function watchCall(store: EventStore, inference: Inference, timer: DueTimer): Promise<void> {
  const { callId } = timer.payload as WatchPayload;
  const { state } = await store.state(callDecider, callStream(callId));
  const metadata = { correlationId: timer.id, actor: 'service:marketplace' };
  if (state.status === 'ran') await inference.capture(callId, metadata);
  if (state.status !== 'started') return;
  unwrap(
    await store.execute({
      decider: callDecider,
      streamId: callStream(callId),
      command: (nowMs) => ({ type: 'void-call' as const, attempt: state.started.attempt, reason: 'lease-expired', nowMs }),
      metadata,
    }),
  );
}
