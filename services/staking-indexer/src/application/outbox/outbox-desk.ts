import type { CommandKey, EventMetadata, InboxEntry } from '@skein/events';
import { err, ok, reject, sha256Hex, utf8, type Rejection, type Result } from '@skein/kernel';
import { contentOf, intentId, type Intent } from '../../domain/outbox/intent.js';
import type { OutboxCommand } from '../../domain/outbox/outbox.commands.js';
import { outboxDecider } from '../../domain/outbox/outbox.decider.js';
import type { OutboxStore } from './outbox-store.js';

/** Whose wish an intent is. */
export interface Origin {
  readonly metadata: EventMetadata;
  readonly inbox?: InboxEntry;
}

const REASON_MAX = 1_000;

/** An id is used once, for ever: money hangs on it. */
const keyOf = (intent: Intent): CommandKey => ({ scope: 'staking.intent', key: intentId(intent), requestHash: sha256Hex(utf8(contentOf(intent))), forever: true });

/** Takes intents in. */
export class OutboxDesk {
  readonly #outbox: OutboxStore;

  constructor(outbox: OutboxStore) {
    this.#outbox = outbox;
  }

  /** The intent's id. Asked again with the same content it is the same answer, with another one a refusal: `intent-decided-otherwise`. */
  accept(intent: Intent, origin: Origin): Promise<Result<string, Rejection>> {
    return this.#take(intent, (nowMs) => ({ kind: 'accept', intent, nowMs }), origin);
  }

  /** Takes in what nothing can be done about, with the reason. */
  hold(intent: Intent, { rule, message }: Rejection, origin: Origin): Promise<Result<string, Rejection>> {
    return this.#take(intent, (nowMs) => ({ kind: 'hold', intent, refusal: { error: rule, message: `${rule}: ${message}`.slice(0, REASON_MAX) }, nowMs }), origin);
  }

  async #take(intent: Intent, command: (nowMs: number) => OutboxCommand, origin: Origin): Promise<Result<string, Rejection>> {
    const { store, streamId } = this.#outbox;
    const accepted = await store.execute({
      decider: outboxDecider,
      streamId,
      command,
      key: keyOf(intent),
      answer: () => intentId(intent),
      ...origin,
    });
    if (accepted.ok) return ok(intentId(intent));
    if (accepted.error.rule !== 'idempotency-key-reused') return err(accepted.error);
    return reject('conflict', 'intent-decided-otherwise', `${intentId(intent)} was decided before, and otherwise`);
  }

  /** Gives an intent up that has no transaction under way. Its id stays used. */
  async withdraw(id: string, reason: string, metadata: EventMetadata): Promise<Result<unknown, Rejection>> {
    const { store, streamId } = this.#outbox;
    return store.execute({ decider: outboxDecider, streamId, command: (): OutboxCommand => ({ kind: 'withdraw', id, reason }), metadata });
  }
}
