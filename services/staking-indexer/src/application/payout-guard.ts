import type { EventStore } from '@skein/events';
import { unwrap, type Rejection, type Result } from '@skein/kernel';
import type { BlockRef } from '../domain/facts.js';
import { reconciliationDecider, type Freeze, type ReconciliationState, type Thaw } from '../domain/reconciliation/reconciliation.decider.js';
import { reconciliationStreamId } from '../domain/reconciliation/reconciliation.events.js';
import type { ChainSource } from './chain-source.js';
import type { Step } from './follow-chain.js';
import { reconcile, type Reconciliation, type TotalsReader } from './reconcile.js';

export interface GuardParts {
  readonly chainId: number;
  readonly store: EventStore;
  readonly source: ChainSource;
  readonly reader: TotalsReader;
}

/** Stops payouts where read models and contracts differ, or where a final block was left; an operator lets them go on. */
export class PayoutGuard {
  readonly #parts: GuardParts;
  #frozen = false;
  /** Block of the last comparison in which nothing differed. */
  #reconciled: BlockRef | undefined;
  #skipped: string | undefined;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  get streamId(): string {
    return reconciliationStreamId(this.#parts.chainId);
  }

  /** As of the last look of this process. */
  get seen(): { readonly frozen: boolean; readonly reconciled: BlockRef | undefined; readonly skipped: string | undefined } {
    return { frozen: this.#frozen, reconciled: this.#reconciled, skipped: this.#skipped };
  }

  async state(): Promise<ReconciliationState> {
    const { state } = await this.#parts.store.state(reconciliationDecider, this.streamId);
    this.#frozen = state.frozen !== undefined;
    return state;
  }

  /** Compares now; what differs freezes. */
  async check(): Promise<Result<Reconciliation, Rejection>> {
    await this.state();
    const result = await reconcile(this.#parts.source, this.#parts.reader);
    this.#skipped = result.ok ? undefined : result.error.rule;
    if (!result.ok) return result;
    const { block, differences } = result.value;
    if (differences.length === 0) this.#reconciled = block;
    else {
      const [first] = differences;
      const reason = `${differences.length} of ${result.value.compared.length} totals differ; ${first!.total}: the read model says ${first!.readModel}, the contract ${first!.contract}`;
      await this.#freeze({ asOf: block, rule: 'totals-differ', reason, differences });
    }
    return result;
  }

  /** A chain that cannot heal is no ground for payouts. */
  async halted({ halted, lasting, finalised }: Step): Promise<void> {
    if (halted === undefined || lasting !== true) return;
    await this.#freeze({ asOf: finalised, rule: halted.rule, reason: halted.message, differences: [] });
  }

  async #freeze(found: Omit<Freeze, 'kind' | 'chainId'>): Promise<void> {
    const { chainId, store } = this.#parts;
    const command: Freeze | Thaw = { kind: 'freeze', chainId, ...found };
    const metadata = { correlationId: this.streamId, actor: 'payout-guard' };
    unwrap(await store.execute({ decider: reconciliationDecider, streamId: this.streamId, command: () => command, metadata }));
    this.#frozen = true;
  }
}
