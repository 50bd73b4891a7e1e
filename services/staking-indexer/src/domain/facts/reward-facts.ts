/** Logs of the emission and of the parameters' registry. */
export type EmissionFact =
  | { readonly kind: 'epoch-minted'; readonly epoch: number; readonly amount: bigint; readonly totalMinted: bigint }
  | {
      readonly kind: 'parameters-changed';
      readonly treasury: string;
      readonly ownFeeBps: number;
      readonly delegatorFeeBps: number;
      readonly reporterBps: number;
      readonly delegationCap: number;
    };

/** Logs of a rewards' contract, `rewards` (its address): there is one for FLOCK and one for slashed gmFLOCK. */
export type RewardFact = { readonly rewards: string } & (
  | { readonly kind: 'rewards-funded'; readonly from: string; readonly amount: bigint; readonly totalFunded: bigint }
  | { readonly kind: 'root-posted'; readonly epoch: number; readonly root: string; readonly sum: bigint; readonly activeFromMs: number }
  | { readonly kind: 'root-vetoed'; readonly epoch: number; readonly root: string }
  | { readonly kind: 'vesting-fixed'; readonly taskId: string; readonly startMs: number; readonly durationMs: number }
  | {
      readonly kind: 'reward-paid';
      readonly account: string;
      /** The task whose final reward it is; absent for rewards that are paid at once. */
      readonly taskId?: string;
      readonly epoch: number;
      readonly to: string;
      readonly amount: bigint;
      readonly fee: bigint;
      /** What the account was ever paid in this stream, fees included. */
      readonly paid: bigint;
    }
);
