/** Logs of the pools' manager. σ in millionths of the reward on delegated stake. `pool` is a contract's address in lower case. */
export type PoolOwnerFact =
  | { readonly kind: 'pool-created'; readonly owner: string; readonly pool: string; readonly sigma: number }
  | { readonly kind: 'sigma-changed'; readonly owner: string; readonly sigma: number }
  | { readonly kind: 'sigma-rise-announced'; readonly owner: string; readonly sigma: number; readonly risesAtMs: number };

/** Logs of one delegation pool. Shares are principal at index 1; indices and carry are scaled by 1e27. */
export type PoolFact = { readonly pool: string } & (
  | {
      readonly kind: 'delegated';
      readonly delegator: string;
      readonly amount: bigint;
      readonly shares: bigint;
      readonly epoch: number;
      readonly aboveCap: bigint;
    }
  | {
      readonly kind: 'exit-asked';
      readonly exitId: bigint;
      readonly delegator: string;
      readonly amount: bigint;
      readonly shares: bigint;
      readonly epoch: number;
      readonly paidFromMs: number;
    }
  | { readonly kind: 'exit-paid'; readonly exitId: bigint; readonly delegator: string; readonly amount: bigint }
  | {
      readonly kind: 'pool-activated';
      readonly epoch: number;
      readonly sharesIn: bigint;
      readonly sharesOut: bigint;
      readonly totalShares: bigint;
      readonly rewardIndex: bigint;
    }
  | {
      readonly kind: 'pool-funded';
      readonly epoch: number;
      readonly amount: bigint;
      readonly rewardIndex: bigint;
      readonly carry: bigint;
      readonly totalShares: bigint;
    }
  | { readonly kind: 'pool-claimed'; readonly delegator: string; readonly amount: bigint; readonly fee: bigint }
  | {
      readonly kind: 'pool-slashed';
      readonly caseId: string;
      readonly amount: bigint;
      readonly principalIndex: bigint;
      readonly total: bigint;
    }
  | { readonly kind: 'pool-closed'; readonly caseId: string }
);
