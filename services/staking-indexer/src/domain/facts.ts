import type { FederationFact } from './facts/federation-facts.js';
import type { PoolFact, PoolOwnerFact } from './facts/pool-facts.js';
import type { EmissionFact, RewardFact } from './facts/reward-facts.js';
import type { CaseFact, LockFact, StakeFact } from './facts/stake-facts.js';

export type { FederationFact } from './facts/federation-facts.js';
export type { PoolFact, PoolOwnerFact } from './facts/pool-facts.js';
export type { EmissionFact, RewardFact } from './facts/reward-facts.js';
export type { CaseFact, LockFact, StakeFact, StakeRole } from './facts/stake-facts.js';

/** What one log of our contracts says. Wallets are CAIP-10, amounts base units, times epoch milliseconds. */
export type Fact = LockFact | StakeFact | CaseFact | PoolOwnerFact | PoolFact | EmissionFact | RewardFact | FederationFact;

/** The facts that change what a wallet itself holds: its field `wallet` names that wallet and nobody else. */
export type WalletFact = Extract<Fact, { wallet: string }>;
export const isWalletFact = (fact: Fact): fact is WalletFact => 'wallet' in fact;

const POOL_KINDS: readonly Fact['kind'][] = [
  'pool-created', 'delegated', 'exit-asked', 'exit-paid', 'pool-activated', 'pool-funded', 'pool-claimed', 'pool-slashed', 'pool-closed',
];
/** The facts that change a pool. */
export const isPoolFact = (fact: Fact): fact is PoolFact | Extract<PoolOwnerFact, { kind: 'pool-created' }> => POOL_KINDS.includes(fact.kind);

/** The facts that set what an owner keeps of the reward on delegated stake. */
export const isSigmaFact = (fact: Fact): fact is Extract<PoolOwnerFact, { kind: 'pool-created' | 'sigma-changed' }> =>
  fact.kind === 'pool-created' || fact.kind === 'sigma-changed';

const CASE_KINDS: readonly Fact['kind'][] = ['case-opened', 'case-dismissed', 'slashed'];
export const isCaseFact = (fact: Fact): fact is CaseFact => CASE_KINDS.includes(fact.kind);

/** What a fact adds to everything that is staked on tasks (`grandTotal`). Stakes of federated tasks lie in a contract of their own. */
export function stakedBy(fact: Fact): bigint {
  if (fact.kind === 'staked') return fact.amount;
  if (fact.kind === 'slashed') return -fact.fromOwner;
  return fact.kind === 'withdrawn' ? -fact.amount : 0n;
}

/** What a fact adds to what the federated tasks' contract holds of either token (`totalFlock`, `totalGm`). */
export function federationBy(fact: Fact): { readonly flock: bigint; readonly gm: bigint } {
  switch (fact.kind) {
    case 'federation-funded':
      return { flock: fact.amount, gm: 0n };
    case 'federation-joined':
      return { flock: 0n, gm: fact.amount };
    case 'federation-withdrawn':
      return { flock: 0n, gm: -fact.amount };
    case 'federation-taken':
      return { flock: -fact.flock, gm: -fact.gm };
    default:
      return { flock: 0n, gm: 0n };
  }
}

/** What a fact adds to the FLOCK that the exchange holds for locks (`totalLocked`). */
export function lockedBy(fact: Fact): bigint {
  if (fact.kind === 'locked') return fact.amount;
  return fact.kind === 'redeemed' ? -(fact.paid + fact.fee) : 0n;
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
  /** The block's own time; absent on facts that were recorded before it was kept. */
  readonly blockTimeMs?: number;
  readonly logIndex: number;
  readonly txHash: string;
  readonly ordinal: number;
  readonly fact: Fact;
}

export const rawKey = (at: Pick<ChainFact, 'blockHash' | 'logIndex'>): string => `${at.blockHash}/${at.logIndex}`;
export const businessKey = (at: Pick<ChainFact, 'txHash' | 'ordinal'>): string => `${at.txHash}/${at.ordinal}`;
