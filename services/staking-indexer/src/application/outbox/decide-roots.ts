import { rewardsAbi, type RewardsDomain } from '@skein/contracts-evm';
import type { EventStore, RecordedEvent, Reactor } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { grantsDecider, type GrantsCommand } from '../../domain/grants/grants.decider.js';
import { grantsStreamId, type RootDecided } from '../../domain/grants/grants.events.js';
import { treeOf, type GrantTotals } from './grant-totals.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { TransactionChain } from './ports.js';

/** How many epochs that are over are asked to be minted when this process begins. */
const MINTS_AT_START = 8n;

export interface DecideRootsOptions {
  readonly store: EventStore;
  readonly totals: GrantTotals;
  readonly chain: Pick<TransactionChain, 'finalised' | 'read'>;
  readonly domain: RewardsDomain;
  readonly desk: OutboxDesk;
  /** Compares read models and contracts now; false where they differ or payouts are frozen: then no root is decided. */
  readonly mayPay: () => Promise<boolean>;
}

/**
 * Once a reward epoch is over in a final block, asks for its emission and decides its root: over everything granted so far. What
 * comes later is in the next one; every root stays claimable.
 */
export class DecideRoots {
  readonly #options: DecideRootsOptions;
  #asked: bigint | undefined;

  constructor(options: DecideRootsOptions) {
    this.#options = options;
  }

  async step(): Promise<void> {
    const { chain, domain } = this.#options;
    const { number } = await chain.finalised();
    const current = (await chain.read({ address: domain.rewards, abi: rewardsAbi, functionName: 'currentEpoch', args: [] }, number)) as bigint;
    if (current === 0n) return;
    await this.#mint(current - 1n);
    await this.#root(current - 1n);
  }

  async #mint(last: bigint): Promise<void> {
    const from = this.#asked ?? (last > MINTS_AT_START ? last - MINTS_AT_START : 0n);
    for (let epoch = from; epoch <= last; epoch += 1n) {
      unwrap(await this.#options.desk.accept({ kind: 'mint-epoch', epoch }, { metadata: { correlationId: `epochs/${epoch}`, actor: 'reward-epochs' } }));
      this.#asked = epoch + 1n;
    }
  }

  async #root(epoch: bigint): Promise<void> {
    const { store, totals, domain } = this.#options;
    const streamId = grantsStreamId(domain.chainId);
    const { state } = await store.state(grantsDecider, streamId);
    if (state.decisions === 0 || epoch <= state.lastEpoch || (await totals.decisions()) < state.decisions) return;
    if (!(await this.#options.mayPay())) return;
    const { root, sum } = treeOf(domain, await totals.totals(state.decisions));
    const decided = await store.execute({
      decider: grantsDecider,
      streamId,
      command: (): GrantsCommand => ({ kind: 'decide-root', epoch, root, sum, decisions: state.decisions }),
      metadata: { correlationId: `epochs/${epoch}`, actor: 'reward-epochs' },
    });
    // A decision came in between: the next look is over that one, too.
    if (!decided.ok && decided.error.rule !== 'grants-moved-on') unwrap(decided);
  }
}

/** A decided root goes to the chain. */
export const rootsReactor = (desk: OutboxDesk): Reactor => ({
  name: 'roots',
  types: ['skein.staking.root.decided.v1'],
  async handle({ data, eventId, metadata }: RecordedEvent): Promise<void> {
    const { epoch, root, sum } = data as RootDecided['data'];
    const { correlationId } = metadata;
    unwrap(await desk.accept({ kind: 'post-root', epoch, revision: 0, root, sum }, { metadata: { correlationId, causationId: eventId, actor: 'roots' } }));
  },
});
