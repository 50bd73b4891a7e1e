import type { EventMetadata } from '@skein/events';
import { reject, sha256Hex, unwrap, type Rejection, type Result } from '@skein/kernel';
import { outboxDecider } from '../../domain/outbox/outbox.decider.js';
import type { OutboxCommand } from '../../domain/outbox/outbox.commands.js';
import { intentId, type Intent } from '../../domain/outbox/intent.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { OutboxStore } from './outbox-store.js';

/** The end of a case without a slash; `decided`: a slash had been decided before. */
export interface Dismissal {
  readonly caseId: string;
  readonly reason: string;
  readonly decided: boolean;
}

/** Makes intents of cases: a notice, then a slash or a dismissal. */
export class TakeCases {
  readonly #outbox: OutboxStore;
  readonly #desk: OutboxDesk;

  constructor(outbox: OutboxStore, desk: OutboxDesk) {
    [this.#outbox, this.#desk] = [outbox, desk];
  }

  async opened(notice: Extract<Intent, { kind: 'open-case' }>, metadata: EventMetadata): Promise<void> {
    unwrap(await this.#desk.accept(notice, { metadata }));
  }

  async decided(slash: Extract<Intent, { kind: 'slash' }>, metadata: EventMetadata): Promise<void> {
    unwrap(await this.#desk.accept(slash, { metadata }));
  }

  /**
   * Takes back what has not been sent: then the chain never hears of it. A notice that was sent is dismissed on chain. A slash that was
   * sent is not overtaken by anything: the dismissal is refused by name.
   */
  async dismissed({ caseId, reason, decided }: Dismissal, metadata: EventMetadata): Promise<void> {
    const slash = decided ? await this.#takeBack(`cases/${caseId}/end`, reason, metadata) : undefined;
    if (slash?.ok === false) unwrap(reject('failed-precondition', 'slash-under-way', `the slash of case ${caseId} has been sent: ${slash.error.message}`));
    const notice = await this.#takeBack(`cases/${caseId}/notice`, reason, metadata);
    if (notice.ok) return;
    const dismissal: Intent = { kind: 'dismiss-case', caseId, ...(slash === undefined ? {} : { revision: 1 }) };
    unwrap(await this.#desk.accept(dismissal, { metadata }));
  }

  /** Once, for ever: told again, what was taken back stays so, though it is not open any more. */
  async #takeBack(id: string, reason: string, metadata: EventMetadata): Promise<Result<unknown, Rejection>> {
    const { store, streamId } = this.#outbox;
    const key = { scope: 'staking.take-back', key: id, requestHash: sha256Hex(reason), forever: true };
    return store.execute({ decider: outboxDecider, streamId, command: (): OutboxCommand => ({ kind: 'withdraw', id, reason }), key, metadata });
  }
}

/** The business id of a case's notice. */
export const noticeId = (caseId: string): string => intentId({ kind: 'open-case', caseId } as Intent);
