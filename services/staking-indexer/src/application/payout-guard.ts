import type { EventStore } from '@skein/events';
import { reject, unwrap, type Rejection, type Result } from '@skein/kernel';
import { reconciliationDecider, type Freeze, type Pass, type ReconciliationCommand, type ReconciliationState } from '../domain/reconciliation/reconciliation.decider.js';
import { reconciliationStreamId } from '../domain/reconciliation/reconciliation.events.js';
import type { ChainSource } from './chain-source.js';
import type { Halt } from './chain-status.js';
import type { Step } from './follow-chain.js';
import { reconcile, type Reconciliation, type TotalsReader } from './reconcile.js';

export interface GuardParts {
  readonly chainId: number;
  readonly store: EventStore;
  readonly source: ChainSource;
  readonly reader: TotalsReader;
  /** Why the chain is not followed at the moment, where it is not. */
  readonly halted: () => Promise<Halt | undefined>;
  /** How long payouts may rest on one comparison. */
  readonly holdsForMs: number;
}

/** What a follower that goes on by itself has found, and payouts may have rested on. */
const FREEZING: readonly string[] = ['totals-differ'];

/**
 * Says up to which block payouts may rest on what is known of the chain. It stops them where read models or follower and contracts
 * differ, or where something final is not; an operator lets them go on. Where nothing can be compared nothing is said, and what was said runs out.
 */
export class PayoutGuard {
  readonly #parts: GuardParts;
  #frozen = false;
  #skipped: string | undefined;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  get streamId(): string {
    return reconciliationStreamId(this.#parts.chainId);
  }

  /** As of the last look of this process. */
  get seen(): { readonly frozen: boolean; readonly skipped: string | undefined } {
    return { frozen: this.#frozen, skipped: this.#skipped };
  }

  async state(): Promise<ReconciliationState> {
    const { state } = await this.#parts.store.state(reconciliationDecider, this.streamId);
    this.#frozen = state.frozen !== undefined;
    return state;
  }

  /** Compares now; what differs freezes, and that nothing does is said. */
  async check(): Promise<Result<Reconciliation, Rejection>> {
    await this.state();
    const result = await this.#compare();
    this.#skipped = result.ok ? undefined : result.error.rule;
    if (!result.ok) return result;
    const { block, differences, readAtMs } = result.value;
    const { chainId, holdsForMs } = this.#parts;
    if (differences.length === 0) await this.#give({ kind: 'pass', chainId, asOf: block, checkedAtMs: readAtMs, holdsForMs });
    else {
      const [first] = differences;
      const reason = `${differences.length} of ${result.value.compared.length} totals differ; ${first!.total}: the read model says ${first!.readModel}, the contract ${first!.contract}`;
      await this.#freeze({ asOf: block, rule: 'totals-differ', reason, differences });
    }
    return result;
  }

  /** That the books are the contracts' at an old block is nothing to pay on while the chain cannot be followed. */
  async #compare(): Promise<Result<Reconciliation, Rejection>> {
    const halted = await this.#parts.halted();
    if (halted !== undefined) return reject('unavailable', halted.rule, `chain ${this.#parts.chainId} is not followed: ${halted.reason}`);
    return reconcile(this.#parts.source, this.#parts.reader);
  }

  /** A chain that cannot heal, or whose facts are not what its contracts say, is no ground for payouts. */
  async halted({ halted, lasting, finalised }: Step): Promise<void> {
    if (halted === undefined || (lasting !== true && !FREEZING.includes(halted.rule))) return;
    await this.#freeze({ asOf: finalised, rule: halted.rule, reason: halted.message, differences: [] });
  }

  async #freeze(found: Omit<Freeze, 'kind' | 'chainId' | 'nowMs'>): Promise<void> {
    await this.#give({ kind: 'freeze', chainId: this.#parts.chainId, ...found });
    this.#frozen = true;
  }

  async #give(body: Omit<Freeze, 'nowMs'> | Omit<Pass, 'nowMs'>): Promise<void> {
    const command = (nowMs: number): ReconciliationCommand => ({ ...body, nowMs });
    const metadata = { correlationId: this.streamId, actor: 'payout-guard' };
    unwrap(await this.#parts.store.execute({ decider: reconciliationDecider, streamId: this.streamId, command, metadata }));
  }
}
