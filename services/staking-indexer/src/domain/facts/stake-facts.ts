/** What a wallet stakes for. */
export type StakeRole = 'node' | 'validator' | 'participant';

/** Logs of the exchange. */
export type LockFact =
  | {
      readonly kind: 'locked';
      readonly lockId: bigint;
      readonly wallet: string;
      readonly amount: bigint;
      readonly gm: bigint;
      readonly multiplier: number;
      readonly feeBps: number;
      readonly unlockAtMs: number;
    }
  | { readonly kind: 'granted'; readonly lockId: bigint; readonly grantor: string; readonly beneficiary: string }
  | {
      readonly kind: 'redeemed';
      readonly lockId: bigint;
      readonly wallet: string;
      readonly gm: bigint;
      readonly paid: bigint;
      readonly fee: bigint;
      readonly gmRemaining: bigint;
      readonly amountRemaining: bigint;
    };

/** Logs of the stakes' contract about tasks and stakes. */
export type StakeFact =
  | { readonly kind: 'task-opened'; readonly taskId: string; readonly latestEndMs: number }
  | { readonly kind: 'task-validated'; readonly taskId: string; readonly endedAtMs: number }
  | { readonly kind: 'task-cancelled'; readonly taskId: string }
  | { readonly kind: 'task-finished'; readonly taskId: string; readonly released: boolean }
  | {
      readonly kind: 'staked';
      readonly taskId: string;
      readonly role: StakeRole;
      readonly wallet: string;
      readonly amount: bigint;
      readonly balance: bigint;
    }
  | {
      readonly kind: 'withdrawn';
      readonly taskId: string;
      readonly role: StakeRole;
      readonly wallet: string;
      readonly amount: bigint;
    };

/** Logs of the stakes' contract about cases. `caseId` and `evidence` are 32 bytes in hex; `pool` and `reporter` are absent where there are none. */
export type CaseFact =
  | {
      readonly kind: 'case-opened';
      readonly caseId: string;
      readonly taskId: string;
      readonly role: StakeRole;
      readonly accused: string;
      readonly pool?: string;
      readonly reporter?: string;
      readonly cap: bigint;
      readonly own: bigint;
      readonly counted: bigint;
      readonly evidence: string;
    }
  | { readonly kind: 'case-dismissed'; readonly caseId: string; readonly accused: string }
  | {
      readonly kind: 'slashed';
      readonly caseId: string;
      readonly taskId: string;
      readonly role: StakeRole;
      readonly wallet: string;
      readonly fromOwner: bigint;
      readonly fromPool: bigint;
      readonly toReporter: bigint;
      readonly balance: bigint;
    };
