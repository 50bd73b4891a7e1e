import type { DueTimer, EventStore } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { callDecider } from '../domain/call/call.decider.js';
import type { WatchPayload } from './call-timers.js';
import type { Inference } from './inference.js';
import { callStream } from './names.js';

/** Its process is gone or billing was away: what ran is charged, what did not is voided. */
export async function watchCall(store: EventStore, inference: Inference, timer: DueTimer): Promise<void> {
  const { callId } = timer.payload as WatchPayload;
  const metadata = { correlationId: timer.id, actor: 'service:marketplace' };
  // Voids nothing but an attempt whose lease is over. Decided before looking: a call that runs at this very moment is then seen below.
  unwrap(
    await store.execute({
      decider: callDecider,
      streamId: callStream(callId),
      command: (nowMs, state) => ({ type: 'void-call' as const, attempt: state.status === 'none' ? 0 : state.started.attempt, reason: 'lease-expired', nowMs }),
      metadata,
    }),
  );
  await inference.capture(callId, metadata);
}
