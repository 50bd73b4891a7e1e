import { mulDiv } from '@skein/kernel';
import type { MetricDirection } from '../task/metric.policy.js';

const EPSILON_START_NANO = 5_000_000n; // 0.5 %
const EPSILON_END_NANO = 100_000n; // 0.01 %
const DECAY_MS = 2n * 86_400_000n;
const NANO = 10n ** 9n;

/** ε by which a near-duplicate must beat the earlier commit, in nano: from 0.5 % to 0.01 %, linear over 2 days. */
export function epsilonNano(sinceEarlierCommitMs: number): bigint {
  const elapsed = BigInt(Math.max(0, sinceEarlierCommitMs));
  if (elapsed >= DECAY_MS) return EPSILON_END_NANO;
  return EPSILON_START_NANO - mulDiv(EPSILON_START_NANO - EPSILON_END_NANO, elapsed, DECAY_MS);
}

/** The score (nano) that a later near-duplicate must pass: ε·max(|score|, floor) better than the earlier one's. */
export function earlierWinsBar(earlierScoreNano: bigint, floorNano: bigint, sinceEarlierCommitMs: number, direction: MetricDirection): bigint {
  const size = earlierScoreNano < 0n ? -earlierScoreNano : earlierScoreNano;
  const margin = ((size > floorNano ? size : floorNano) * epsilonNano(sinceEarlierCommitMs)) / NANO;
  return direction === 'higher' ? earlierScoreNano + margin : earlierScoreNano - margin;
}
