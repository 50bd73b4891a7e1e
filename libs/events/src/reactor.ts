import { failpoint, inTraceOf } from '@skein/telemetry';
import type { Reactor, Sink } from './types.js';

/** A reactor as a sink: one event after the other; the checkpoint follows each batch, and after a failure as far as it came. */
export function reactorSink(reactor: Reactor): Sink {
  return {
    kind: 'reactor',
    name: reactor.name,
    ...(reactor.types ? { types: reactor.types } : {}),
    deliver: async (events, advance) => {
      let done: bigint | undefined;
      try {
        for (const event of events) {
          await inTraceOf(event.metadata.traceparent, () => reactor.handle(event));
          failpoint('reactor.handled');
          done = event.position;
        }
      } finally {
        if (done !== undefined) {
          await advance(done);
          failpoint('reactor.advanced');
        }
      }
    },
  };
}
