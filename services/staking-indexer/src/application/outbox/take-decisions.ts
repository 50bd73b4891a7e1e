import { isRetriable, type EventMetadata, type EventStore } from '@skein/events';
import { canonicalJson, RejectionError, sha256Hex, unwrap, utf8, type Rejection } from '@skein/kernel';
import type { AddressBook } from '@skein/contracts-evm';
import type { Intent } from '../../domain/outbox/intent.js';
import { grantsDecider } from '../../domain/grants/grants.decider.js';
import { grantsStreamId, type DecidedGrant } from '../../domain/grants/grants.events.js';
import type { OutboxDesk } from './outbox-desk.js';

/** What an epoch or a final ranking pays one wallet, and its delegation pool; addresses in lower case. */
export interface DecidedReward {
  readonly account: string;
  readonly units: bigint;
  readonly poolUnits: bigint;
}

/** A decision as it was told: `name` is the same whenever it is told, `wanted` is for the operator's eyes. */
export interface ToldDecision {
  readonly name: string;
  readonly wanted: () => string;
}

export interface TakeDecisionsOptions {
  readonly store: EventStore;
  readonly desk: OutboxDesk;
  readonly book: Pick<AddressBook, 'chainId'>;
}

const WANTED_MAX = 8_000;
const CANNOT_VEST: Rejection = { code: 'failed-precondition', rule: 'pool-cannot-vest', message: 'the contract pays pools at once only, and this is to be paid by and by' };

/** Makes intents and grants of what services have decided. Each decision counts once, however often it is told; the chain is not asked. */
export class TakeDecisions {
  readonly #options: TakeDecisionsOptions;

  constructor(options: TakeDecisionsOptions) {
    this.#options = options;
  }

  /**
   * Carries a decision out, or keeps it with the reason where it is refused for good: the decisions behind it are others'. Failures
   * that time heals, and faults of this code, are thrown.
   */
  async orHold({ name, wanted }: ToldDecision, metadata: EventMetadata, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RejectionError) || isRetriable(error)) throw error;
      await this.#hold(name, wanted(), error.rejection, metadata);
    }
  }

  async intent(intent: Intent, metadata: EventMetadata): Promise<void> {
    unwrap(await this.#options.desk.accept(intent, { metadata }));
  }

  /** What one epoch of a task pays at once. */
  async paid(cause: string, rewards: readonly DecidedReward[], metadata: EventMetadata): Promise<void> {
    await this.grant(cause, rewards.map(({ account, units }) => atOnce(account, units)), metadata);
    for (const { account: owner, poolUnits: units } of withPool(rewards)) await this.intent({ kind: 'grant-pool', cause, owner, units }, metadata);
  }

  /** A task's final reward, which vests; its start and duration are fixed on chain before anybody claims. */
  async vesting({ taskId, start, duration }: { taskId: string; start: bigint; duration: bigint }, rewards: readonly DecidedReward[], metadata: EventMetadata): Promise<void> {
    const cause = `tasks/${taskId}/final`;
    await this.intent({ kind: 'fix-vesting', taskId, start, duration }, metadata);
    await this.grant(cause, rewards.map(({ account, units }) => ({ account, taskId, units, start, duration })), metadata);
    for (const { account, poolUnits } of withPool(rewards)) await this.#hold(`${cause}/pools/${account}`, canonicalJson({ account, poolUnits, start, duration }), CANNOT_VEST, metadata);
  }

  /** Counts grants once: the same cause, asked for in the same words, changes nothing. */
  async grant(cause: string, grants: readonly DecidedGrant[], metadata: EventMetadata, asked: unknown = grants): Promise<void> {
    const { store, book } = this.#options;
    const command = { kind: 'add', cause, grants } as const;
    const key = { scope: 'staking.grants', key: cause, requestHash: sha256Hex(utf8(canonicalJson(asked))), forever: true };
    unwrap(await store.execute({ decider: grantsDecider, streamId: grantsStreamId(book.chainId), command: () => command, key, metadata }));
  }

  async #hold(decision: string, wanted: string, refusal: Rejection, metadata: EventMetadata): Promise<void> {
    const held = await this.#options.desk.hold({ kind: 'hold-decision', decision, wanted: wanted.slice(0, WANTED_MAX) }, refusal, { metadata });
    // Held before, in other words: it is the decision that counts.
    if (!held.ok && held.error.rule !== 'intent-decided-otherwise') unwrap(held);
  }
}

const withPool = (rewards: readonly DecidedReward[]): readonly DecidedReward[] => rewards.filter(({ poolUnits }) => poolUnits !== 0n);

const atOnce = (account: string, units: bigint): DecidedGrant => ({ account, taskId: '', units, start: 0n, duration: 0n });
