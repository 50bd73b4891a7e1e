import { PositionFeed, type EventStore, type RecordedEvent } from '@skein/events';

const PAGE = 256;
/** Longest wait without a notification. */
const POLL_MS = 1_000;

/** Wakes whoever waits for events, or the end of a call. */
class Bell {
  #ring: (() => void) | undefined;
  #rung = false;

  readonly ring = (): void => {
    this.#rung = true;
    this.#ring?.();
  };

  async wait(ms: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#rung = false;
    this.#ring = undefined;
  }
}

/**
 * Events of some types in the order of the log from behind `after` on, without end, until `signal`. A page is read when the one
 * before it is taken: a reader that is slow, or gone, holds one page and no queue.
 */
export async function* eventsFrom(store: EventStore, types: readonly string[], after: bigint, signal: AbortSignal): AsyncIterable<RecordedEvent> {
  const bell = new Bell();
  const unlisten = PositionFeed.of(store.pool).listen(bell.ring);
  signal.addEventListener('abort', bell.ring);
  try {
    let at = after;
    while (!signal.aborted) {
      const { events, head } = await store.readPage(at, PAGE, types);
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
      }
      at = events.length < PAGE ? (head > at ? head : at) : events.at(-1)!.position;
      if (events.length < PAGE) await bell.wait(POLL_MS);
    }
  } finally {
    unlisten();
    signal.removeEventListener('abort', bell.ring);
  }
}
