import { Inject, Injectable } from '@nestjs/common';
import { PositionFeed, type EventStore } from '@skein/events';
import { EVENT_STORE, LOGGER, type Logger } from '@skein/platform';
import { TaskSignals } from '../application/task-signals.js';

const PAGE = 256;
const STREAM = /^federation-(.+)$/;

/** Wakes this process's control streams for what its other processes have done: the feed of positions tells of it. */
@Injectable()
export class ForeignChanges {
  readonly #store: EventStore;
  readonly #signals: TaskSignals;
  readonly #logger: Logger;
  /** The last position looked at; undefined while nobody waits here. */
  #position: bigint | undefined;
  #look: Promise<void> | undefined;
  #again = false;
  #unlisten: (() => void) | undefined;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(TaskSignals) signals: TaskSignals, @Inject(LOGGER) logger: Logger) {
    this.#store = store;
    this.#signals = signals;
    this.#logger = logger;
  }

  /** Called by Nest when everything is made. */
  onApplicationBootstrap(): void {
    this.#unlisten = PositionFeed.of(this.#store.pool).listen(() => this.#told());
  }

  /** Called by Nest when the service closes. */
  async onApplicationShutdown(): Promise<void> {
    this.#unlisten?.();
    this.#unlisten = undefined;
    await this.#look;
  }

  #told(): void {
    this.#again = true;
    this.#look ??= this.#lookOn().finally(() => (this.#look = undefined));
  }

  async #lookOn(): Promise<void> {
    try {
      while (this.#again && this.#unlisten !== undefined) {
        this.#again = false;
        await this.#lookOnce();
      }
    } catch (error) {
      // The streams look for themselves twice a second: this only shortens their wait.
      this.#position = undefined;
      this.#logger.warn({ err: error }, 'changes of other processes are found by polling');
    }
  }

  async #lookOnce(): Promise<void> {
    if (!this.#signals.awaited) {
      this.#position = undefined;
      return;
    }
    if (this.#position === undefined) {
      // What happened before is not known: everybody looks.
      this.#position = (await this.#store.readPage(0n, 0)).head;
      return this.#signals.allChanged();
    }
    for (let full = true; full; ) {
      const { events, head } = await this.#store.readPage(this.#position, PAGE);
      for (const task of new Set(events.map(({ streamId }) => STREAM.exec(streamId)?.[1]))) if (task !== undefined) this.#signals.changed(task);
      full = events.length === PAGE;
      this.#position = full ? (events.at(-1)?.position ?? head) : head;
    }
  }
}
