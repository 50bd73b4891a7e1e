/** What a wallet stakes for. */
export type StakeRole = 'node' | 'validator' | 'participant';

/** What one log of our contracts says. Wallets are CAIP-10, amounts base units, times epoch milliseconds. */
export type Fact =
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
  | {
      readonly kind: 'redeemed';
      readonly lockId: bigint;
      readonly wallet: string;
      readonly gm: bigint;
      readonly paid: bigint;
      readonly fee: bigint;
      readonly gmRemaining: bigint;
      readonly amountRemaining: bigint;
    }
  | { readonly kind: 'task-opened'; readonly taskId: string; readonly latestEndMs: number }
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

/** The facts that change a wallet's position. */
export type WalletFact = Extract<Fact, { wallet: string }>;

export const isWalletFact = (fact: Fact): fact is WalletFact => 'wallet' in fact;

/** What a fact adds to everything that is staked. */
export function stakedBy(fact: Fact): bigint {
  if (fact.kind === 'staked') return fact.amount;
  return fact.kind === 'withdrawn' ? -fact.amount : 0n;
}

/** A block by height and hash. */
export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/**
 * A fact and where the chain holds it. Raw key: (blockHash, logIndex). Business key: (txHash, ordinal), the ordinal being the
 * log's place within its transaction; a reorg keeps it while it changes block and logIndex.
 */
export interface ChainFact {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
  readonly txHash: string;
  readonly ordinal: number;
  readonly fact: Fact;
}

export const rawKey = (at: Pick<ChainFact, 'blockHash' | 'logIndex'>): string => `${at.blockHash}/${at.logIndex}`;
export const businessKey = (at: Pick<ChainFact, 'txHash' | 'ordinal'>): string => `${at.txHash}/${at.ordinal}`;
