/** Logs of the federated tasks' contract. FLOCK and gmFLOCK in base units. */
export type FederationFact =
  | {
      readonly kind: 'federation-created';
      readonly taskId: string;
      readonly sponsor: string;
      readonly latestEndMs: number;
      readonly rounds: number;
      readonly slashBps: number;
      readonly threshold: bigint;
    }
  | { readonly kind: 'federation-funded'; readonly taskId: string; readonly from: string; readonly amount: bigint; readonly poolFlock: bigint }
  | { readonly kind: 'federation-joined'; readonly taskId: string; readonly wallet: string; readonly amount: bigint; readonly stake: bigint }
  | { readonly kind: 'federation-round-opened'; readonly taskId: string; readonly round: number }
  | {
      readonly kind: 'federation-slashed';
      readonly taskId: string;
      readonly round: number;
      readonly wallet: string;
      readonly amount: bigint;
      readonly stake: bigint;
    }
  | {
      readonly kind: 'federation-paid';
      readonly taskId: string;
      readonly round: number;
      readonly payee: string;
      readonly flock: bigint;
      readonly gm: bigint;
    }
  | {
      readonly kind: 'federation-settled';
      readonly taskId: string;
      readonly round: number;
      readonly caller?: string;
      readonly toCaller: bigint;
      readonly poolFlock: bigint;
      readonly poolGm: bigint;
    }
  | { readonly kind: 'federation-finished'; readonly taskId: string; readonly released: boolean; readonly restFlock: bigint; readonly restGm: bigint }
  | { readonly kind: 'federation-withdrawn'; readonly taskId: string; readonly wallet: string; readonly amount: bigint }
  | { readonly kind: 'federation-taken'; readonly payee: string; readonly flock: bigint; readonly gm: bigint };
