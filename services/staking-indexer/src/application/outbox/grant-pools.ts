import { poolManagerAbi, type AddressBook } from '@skein/contracts-evm';
import type { EventMetadata } from '@skein/events';
import { unwrap, type Clock } from '@skein/kernel';
import type { DecidedGrant } from '../../domain/grants/grants.events.js';
import type { GrantPool } from '../../domain/outbox/intent.js';
import type { Block } from '../../domain/outbox/outbox.events.js';
import type { OpenIntent } from '../../domain/outbox/outbox.state.js';
import { BackOff } from './back-off.js';
import type { OutboxStore } from './outbox-store.js';
import type { TransactionChain } from './ports.js';

export interface GrantPoolsOptions {
  readonly outbox: Pick<OutboxStore, 'state' | 'give'>;
  readonly chain: Pick<TransactionChain, 'finalised' | 'read'>;
  readonly book: Pick<AddressBook, 'poolManager'>;
  readonly clock: Clock;
  readonly grant: (cause: string, grants: readonly DecidedGrant[], metadata: EventMetadata, asked: unknown) => Promise<void>;
}

type Waiting = OpenIntent & { readonly intent: GrantPool };

const isWaiting = (open: OpenIntent): open is Waiting => open.intent.kind === 'grant-pool';

/** What pools are to be paid becomes grants as soon as a final block says which pool that is; till then it is parked (`pool-unknown`). */
export class GrantPools {
  readonly #options: GrantPoolsOptions;
  readonly #retry: BackOff;

  constructor(options: GrantPoolsOptions) {
    this.#options = options;
    this.#retry = new BackOff(options.clock);
  }

  async step(): Promise<void> {
    const due = (await this.#options.outbox.state()).open.filter(isWaiting).filter(({ id }) => this.#retry.isDue(id));
    if (due.length === 0) return;
    const block = await this.#options.chain.finalised();
    for (const waiting of due) await this.#pay(waiting, block);
  }

  async #pay({ id, intent: { owner, units } }: Waiting, block: Block): Promise<void> {
    const { outbox, chain, book, grant } = this.#options;
    this.#retry.failed(id);
    const pool = String(await chain.read({ address: book.poolManager, abi: poolManagerAbi, functionName: 'poolOf', args: [owner] }, block.number)).toLowerCase();
    if (BigInt(pool) === 0n) {
      const refusal = { error: 'pool-unknown', message: `pool-unknown: ${owner} has no delegation pool as of block ${block.number}, and its pool is to be paid` };
      unwrap(await outbox.give((nowMs) => ({ kind: 'park', id, refusal, nowMs }), id));
      return;
    }
    // Once only, whatever dies between the two, even if the owner has another pool by then: the intent's id is the grant's cause.
    await grant(id, [{ account: pool, taskId: '', units, start: 0n, duration: 0n }], { correlationId: id, actor: 'outbox' }, { owner, units });
    unwrap(await outbox.give({ kind: 'adopt', id, block, how: 'granted' }, id));
    this.#retry.passed(id);
  }
}
