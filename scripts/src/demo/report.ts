import { canonicalJson, sha256Hex, utf8 } from '@skein/kernel';
import type { Party } from '../bench/idle/cpu.js';

/** Money: strings of base units; accuracies and scores: fractions of 1; wallets: CAIP-10; times: milliseconds. */
export interface Report {
  seed: number;
  readyMs: number;
  totalMs: number;
  memoryMiBReady: number;
  memoryMiBPeak: number;
  clientsMiBPeak: number;
  /** CPU time of Skein's processes when it was ready, and at the end; after a kill the part of the dead is missing. */
  cpuSecondsReady?: Record<Party, number>;
  cpuSeconds?: Record<Party, number>;
  /** Spans that the sink got, where they were asked for. */
  spans?: number;
  fingerprint: string;
  /** Chapters that were played. */
  chapters: number[];
  arena?: ArenaReport;
  federation?: FederationReport;
  marketplace?: MarketplaceReport;
  billing?: BillingReport;
  staking?: StakingReport;
  replay?: { streams: number; events: number; projectionsCompared: number; equal: boolean; scoreBitEqual: boolean };
  trace?: { edges: [string, string][] };
  delegation?: DelegationReport;
}

/** Rewards: `paid` per epoch; the share in the locked pool (`locked`) belongs to no single epoch and stands under epoch 0. */
export interface ArenaReport {
  submissions: { id: string; owner: string; epoch: number; status: string; rule?: string; score?: number; rank?: number }[];
  rewards: { wallet: string; role: string; epoch: number; paid: string; locked: string }[];
  validators: { wallet: string; share: number; liar: boolean; paid: string }[];
  minted: string;
  paid: string;
  locked: string;
  carried: string;
}

export interface FederationReport {
  alone: number[];
  federated: number;
  pooled: number;
  winner: number;
  rounds: { round: number; accepted: boolean; sabotaged: boolean; accuracy: number; durationMs: number }[];
  slashed: { node: string; amount: string }[];
  pool: { granted: string; slashed: string; paid: string; callers: string; left: string };
  modelSha256: string;
}

export interface MarketplaceReport {
  calls: number;
  captured: number;
  refused402: number;
  refusedMaxPrice: number;
  prices: string[];
}

export interface BillingReport {
  asset: string;
  gross: string;
  split: { compute: string; platform: string; developer: string; data: string; validators: string; parents: string };
  trialBalance: string;
}

export interface StakingReport {
  projection: string;
  contract: string;
  byWallet: { wallet: string; effective: string }[];
}

export interface DelegationReport {
  sigmaPpm: number;
  claimable: { early: string; late: string };
  claimed: { amount: string; fee: string };
  slash: { fromOwner: string; fromPool: string; toReporter: string; lost: { early: string; late: string } };
  exit: string;
  /** As the chain, the indexer's read models and, where it keeps an account of it, billing say. */
  balances: { of: string; chain: string; projection: string; billing?: string }[];
}

/** An empty report of a seed. */
export const newReport = (seed: number): Report => ({ seed, readyMs: 0, totalMs: 0, memoryMiBReady: 0, memoryMiBPeak: 0, clientsMiBPeak: 0, fingerprint: '', chapters: [] });

const byKey = <T>(items: readonly T[], key: (item: T) => string): T[] => items.map((item) => [key(item), item] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);

/**
 * SHA-256 of the canonical JSON of ranks, rewards, slashes, effective stakes by wallet and the federated model's hash: equal
 * for one seed, after every kill. Ids and times are left out, because ids hold times.
 */
export function fingerprintOf(report: Report): string {
  const ranks = (report.arena?.submissions ?? []).map(({ owner, epoch, status, rule, rank }) => ({ owner, epoch, status, rule, rank }));
  const rewards = report.arena?.rewards ?? [];
  return sha256Hex(
    utf8(
      canonicalJson({
        ranks: byKey(ranks, canonicalJson),
        rewards: byKey(rewards, canonicalJson),
        slashes: byKey(report.federation?.slashed ?? [], canonicalJson),
        stakes: byKey(report.staking?.byWallet ?? [], ({ wallet }) => wallet),
        modelSha256: report.federation?.modelSha256,
      }),
    ),
  );
}
