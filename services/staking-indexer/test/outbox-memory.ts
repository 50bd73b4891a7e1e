import type { Executed } from '@skein/events';
import { err, fold, ok, RejectionError, type Rejection, type Result } from '@skein/kernel';
import type { OutboxStore } from '../src/application/outbox/outbox-store.js';
import type { OutboxCommand } from '../src/domain/outbox/outbox.commands.js';
import { outboxDecider } from '../src/domain/outbox/outbox.decider.js';
import type { OutboxEvent } from '../src/domain/outbox/outbox.events.js';
import type { OutboxState } from '../src/domain/outbox/outbox.state.js';

/** The outbox's stream without a database. It outlives whoever works on it, as the database does. */
export class MemoryOutbox implements Pick<OutboxStore, 'state' | 'give'> {
  readonly history: OutboxEvent[] = [];
  /** Time of the database. */
  nowMs = 0;

  async state(): Promise<OutboxState> {
    return fold(outboxDecider, this.history);
  }

  async give(given: OutboxCommand | ((nowMs: number, state: OutboxState) => OutboxCommand | Promise<OutboxCommand>)): Promise<Result<Executed<undefined>, Rejection>> {
    const state = await this.state();
    let command: OutboxCommand;
    try {
      command = typeof given === 'function' ? await given(this.nowMs, state) : given;
    } catch (error) {
      if (error instanceof RejectionError) return err(error.rejection);
      throw error;
    }
    const decided = outboxDecider.decide(command, state);
    if (!decided.ok) return decided;
    this.history.push(...decided.value);
    return ok({ streamId: 'outbox-31337', version: this.history.length, answer: undefined, duplicate: false, events: [] });
  }
}
