import { readFileSync } from 'node:fs';
import { parseUnits } from '@skein/kernel';

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8'));

/** Golden numbers of the arena, as far as the arena itself computes them. */
export interface ArenaGolden {
  readonly nodesVsValidators: { r0: string; nodeStake: number; validatorStake: number; gamma: number; nodes: string; validators: string }[];
  readonly rankShares: {
    stakesInRankOrder: number[];
    delegatedToRank1?: number;
    q: number;
    alpha: number;
    shares?: number[];
    withDelegation?: number[];
    withoutOwnDelegation?: number[];
  }[];
  readonly nodePayWithDelegation: { a: unknown; b?: number; sigma?: number; node?: number; pool?: number; pWith?: number; pWithout?: number; rNodes: string; lockedPct?: number; b1?: string; node1?: string; pool1?: string }[];
  readonly earlierWinsEpsilon: { championLoss: number; secondsPerBlock: number; cases: { block: number; bar: number; challenger: number; wins: boolean }[] };
  readonly ladderRankShare: { stakesInRankOrder: number[]; u: number; q: number; shares: number[] }[];
}

export interface StakingGolden {
  readonly emission: { total: string; perDay: Record<string, string>; lastDayExtraWei: string };
  readonly vesting: { amount: string; days: number; elapsedDays: number; vested: string }[];
}

export const arenaGolden = read('arena') as ArenaGolden;
export const stakingGolden = read('staking') as StakingGolden;

export const units = (amount: number | string): bigint => parseUnits(String(amount));
