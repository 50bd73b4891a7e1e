import type { Grant, RewardsDomain, RewardsTree } from '@skein/contracts-evm';
import { grantOf, treeOf, type GrantTotal, type GrantTotals, type KnownRoot } from './grant-totals.js';

/** What `Rewards.claim` takes besides the epoch. */
export interface Claim {
  readonly taskId: string;
  readonly grant: Grant;
  readonly proof: readonly string[];
}

interface Grown {
  readonly root: KnownRoot;
  readonly tree: RewardsTree;
  readonly byAccount: ReadonlyMap<string, readonly GrantTotal[]>;
}

/** Proofs against the newest root; its tree is kept until there is another. */
export class Claims {
  readonly #totals: GrantTotals;
  readonly #domain: RewardsDomain;
  #grown: Promise<Grown> | undefined;
  #of: string | undefined;

  constructor(totals: GrantTotals, domain: RewardsDomain) {
    this.#totals = totals;
    this.#domain = domain;
  }

  async of(account: string): Promise<{ readonly root?: KnownRoot; readonly claims: readonly Claim[] }> {
    const newest = await this.#totals.newestRoot();
    if (newest === undefined) return { claims: [] };
    const { root, tree, byAccount } = await this.#tree(newest);
    const claims = (byAccount.get(account) ?? []).map((total) => ({ taskId: total.taskId, grant: grantOf(total), proof: tree.proofOf(grantOf(total)) ?? [] }));
    return { root, claims };
  }

  #tree(root: KnownRoot): Promise<Grown> {
    const key = `${root.epoch} ${root.root}`;
    if (this.#grown !== undefined && this.#of === key) return this.#grown;
    const grown = this.#grow(root);
    [this.#grown, this.#of] = [grown, key];
    grown.catch(() => (this.#of = undefined));
    return grown;
  }

  async #grow(root: KnownRoot): Promise<Grown> {
    const totals = await this.#totals.totals(root.decisions);
    const tree = treeOf(this.#domain, totals);
    if (tree.root !== root.root) throw new Error(`the grants of epoch ${root.epoch} make the root ${tree.root}, ${root.root} was decided`);
    return { root, tree, byAccount: Map.groupBy(totals, ({ account }) => account) };
  }
}
