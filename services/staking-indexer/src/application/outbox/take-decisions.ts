import type { EventMetadata, EventStore } from '@skein/events';
import { reject, sha256Hex, utf8, canonicalJson, unwrap, type Rejection, type Result } from '@skein/kernel';
import { poolManagerAbi, type AddressBook } from '@skein/contracts-evm';
import type { Intent } from '../../domain/outbox/intent.js';
import { grantsDecider } from '../../domain/grants/grants.decider.js';
import { grantsStreamId, type DecidedGrant } from '../../domain/grants/grants.events.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { TransactionChain } from './ports.js';

/** What an epoch or a final ranking pays one wallet, and its delegation pool; addresses in lower case. */
export interface DecidedReward {
  readonly account: string;
  readonly units: bigint;
  readonly poolUnits: bigint;
}

export interface TakeDecisionsOptions {
  readonly store: EventStore;
  readonly desk: OutboxDesk;
  readonly book: AddressBook;
  readonly chain: Pick<TransactionChain, 'finalised' | 'read'>;
}

/** Makes intents and grants of what services have decided. Each decision counts once, however often it is told. */
export class TakeDecisions {
  readonly #options: TakeDecisionsOptions;

  constructor(options: TakeDecisionsOptions) {
    this.#options = options;
  }

  async intent(intent: Intent, metadata: EventMetadata): Promise<void> {
    unwrap(await this.#options.desk.accept(intent, { metadata }));
  }

  /** What one epoch of a task pays at once. */
  async paid(cause: string, rewards: readonly DecidedReward[], metadata: EventMetadata): Promise<void> {
    const grants: DecidedGrant[] = [];
    for (const { account, units, poolUnits } of rewards) {
      grants.push(atOnce(account, units));
      if (poolUnits > 0n) grants.push(atOnce(unwrap(await this.#poolOf(account)), poolUnits));
    }
    await this.#add(cause, grants, metadata);
  }

  /** A task's final reward, which vests; its start and duration are fixed on chain before anybody claims. */
  async vesting({ taskId, start, duration }: { taskId: string; start: bigint; duration: bigint }, rewards: readonly DecidedReward[], metadata: EventMetadata): Promise<void> {
    const pooled = rewards.find(({ poolUnits }) => poolUnits > 0n);
    if (pooled !== undefined) unwrap(reject('failed-precondition', 'pool-cannot-vest', `the contract pays pools at once only, and ${pooled.account}'s pool is to be paid by and by`));
    await this.intent({ kind: 'fix-vesting', taskId, start, duration }, metadata);
    await this.#add(`tasks/${taskId}/final`, rewards.map(({ account, units }) => ({ account, taskId, units, start, duration })), metadata);
  }

  async #add(cause: string, grants: readonly DecidedGrant[], metadata: EventMetadata): Promise<void> {
    const { store, book } = this.#options;
    const command = { kind: 'add', cause, grants } as const;
    const key = { scope: 'staking.grants', key: cause, requestHash: sha256Hex(utf8(canonicalJson(grants))), forever: true };
    unwrap(await store.execute({ decider: grantsDecider, streamId: grantsStreamId(book.chainId), command: () => command, key, metadata }));
  }

  async #poolOf(owner: string): Promise<Result<string, Rejection>> {
    const { chain, book } = this.#options;
    const { number } = await chain.finalised();
    const pool = String(await chain.read({ address: book.poolManager, abi: poolManagerAbi, functionName: 'poolOf', args: [owner] }, number)).toLowerCase();
    if (BigInt(pool) === 0n) return reject('failed-precondition', 'pool-unknown', `${owner} has no delegation pool, and its pool is to be paid`);
    return { ok: true, value: pool };
  }
}

const atOnce = (account: string, units: bigint): DecidedGrant => ({ account, taskId: '', units, start: 0n, duration: 0n });
