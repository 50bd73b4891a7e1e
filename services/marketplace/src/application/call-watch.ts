import type { DueTimer, EventStore } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { callDecider } from '../domain/call/call.decider.js';
import type { WatchPayload } from './call-timers.js';
import type { Inference } from './inference.js';
import { callStream } from './names.js';

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
