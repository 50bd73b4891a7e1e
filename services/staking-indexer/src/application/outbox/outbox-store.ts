import type { EventStore, Executed } from '@skein/events';
import { type Rejection, type Result } from '@skein/kernel';
import type { OutboxCommand } from '../../domain/outbox/outbox.commands.js';
import { outboxDecider } from '../../domain/outbox/outbox.decider.js';
import { outboxStreamId } from '../../domain/outbox/outbox.events.js';
import type { OutboxState } from '../../domain/outbox/outbox.state.js';

type Given = (nowMs: number, state: OutboxState) => OutboxCommand | Promise<OutboxCommand>;

/** The outbox's stream, for whoever looks after it. */
export class OutboxStore {
  readonly store: EventStore;
  readonly streamId: string;

  constructor(store: EventStore, chainId: number) {
    this.store = store;
    this.streamId = outboxStreamId(chainId);
  }

  async state(): Promise<OutboxState> {
    return (await this.store.state(outboxDecider, this.streamId)).state;
  }

  give(command: OutboxCommand | Given, correlationId = this.streamId): Promise<Result<Executed<undefined>, Rejection>> {
    return this.store.execute({
      decider: outboxDecider,
      streamId: this.streamId,
      command: typeof command === 'function' ? command : () => command,
      metadata: { correlationId, actor: 'outbox' },
    });
  }
}
