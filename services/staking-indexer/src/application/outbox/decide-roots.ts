import { emissionAbi, rewardsAbi, type AddressBook, type RewardsDomain } from '@skein/contracts-evm';
import type { EventStore, RecordedEvent, Reactor } from '@skein/events';
import { canonicalJson, unwrap } from '@skein/kernel';
import { grantsDecider, type GrantsCommand } from '../../domain/grants/grants.decider.js';
import { grantsStreamId, type RootDecided } from '../../domain/grants/grants.events.js';
import { treeOf, type GrantTotals } from './grant-totals.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { OutboxStore } from './outbox-store.js';
import type { TransactionChain } from './ports.js';
import type { TakeDecisions } from './take-decisions.js';

/** Epochs of one look that the chain is asked about, at either end of those that were. */
const EPOCHS_PER_LOOK = 64n;
/** More mints than this are not asked for at a time: each is a transaction. */
const MINTS_OPEN_MAX = 64;
const EMISSION_SECONDS = 1_800n * 86_400n;

export interface DecideRootsOptions {
  readonly store: EventStore;
  readonly totals: GrantTotals;
  readonly chain: Pick<TransactionChain, 'finalised' | 'read'>;
  readonly domain: RewardsDomain & Pick<AddressBook, 'emission'>;
  readonly outbox: Pick<OutboxStore, 'state'>;
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
  /** Epochs that were looked at: from `first` to below `next`. What lies before is looked at part by part, the newest first. */
  #seen: { readonly first: bigint; readonly next: bigint } | undefined;

  constructor(options: DecideRootsOptions) {
    this.#options = options;
  }

  async step(): Promise<void> {
    const { chain, domain } = this.#options;
    const { number } = await chain.finalised();
    const current = (await chain.read({ address: domain.rewards, abi: rewardsAbi, functionName: 'currentEpoch', args: [] }, number)) as bigint;
    if (current === 0n) return;
    await this.#mint(current, number);
    await this.#root(current - 1n);
  }

  /** Every epoch that is over and was never minted, however long nobody was here. */
  async #mint(current: bigint, block: number): Promise<void> {
    const { chain, domain, outbox } = this.#options;
    const seconds = (await chain.read({ address: domain.emission, abi: emissionAbi, functionName: 'epochSeconds', args: [] }, block)) as bigint;
    const end = least(current, EMISSION_SECONDS / seconds);
    const { first, next } = this.#seen ?? { first: end - 1n, next: end - 1n };
    if (end <= 0n) return;
    const upTo = least(next + EPOCHS_PER_LOOK, end);
    await this.#ask(next, upTo, block);
    this.#seen = { first, next: upTo };
    const open = (await outbox.state()).open.filter(({ intent }) => intent.kind === 'mint-epoch').length;
    if (first === 0n || open >= MINTS_OPEN_MAX) return;
    const from = first > EPOCHS_PER_LOOK ? first - EPOCHS_PER_LOOK : 0n;
    await this.#ask(from, first, block);
    this.#seen = { first: from, next: upTo };
  }

  async #ask(from: bigint, to: bigint, block: number): Promise<void> {
    const { chain, domain, desk } = this.#options;
    for (let epoch = to - 1n; epoch >= from; epoch -= 1n) {
      if ((await chain.read({ address: domain.emission, abi: emissionAbi, functionName: 'minted', args: [epoch] }, block)) === true) continue;
      unwrap(await desk.accept({ kind: 'mint-epoch', epoch }, { metadata: { correlationId: `epochs/${epoch}`, actor: 'reward-epochs' } }));
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

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A decided root goes to the chain; one that is refused for good is kept with its reason, and the next one is over all of it. */
export const rootsReactor = (decisions: Pick<TakeDecisions, 'intent' | 'orHold'>): Reactor => ({
  name: 'roots',
  types: ['skein.staking.root.decided.v1'],
  async handle({ type, data, eventId, metadata: { correlationId } }: RecordedEvent): Promise<void> {
    const { epoch, root, sum } = data as RootDecided['data'];
    const metadata = { correlationId, causationId: eventId, actor: 'roots' };
    await decisions.orHold({ name: `${type}/${eventId}`, wanted: () => canonicalJson({ type, epoch, root, sum }) }, metadata, () =>
      decisions.intent({ kind: 'post-root', epoch, revision: 0, root, sum }, metadata));
  },
});
