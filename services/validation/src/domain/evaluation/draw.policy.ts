import { canonicalJson, concatBytes, DeterministicRandom, hexToBytes, isqrt, sha256, sha256Hex, uint32be, utf8, weightedDraw } from '@skein/kernel';

/** A validator that may be drawn: who it belongs to and its counted stake. */
export interface Candidate {
  readonly wallet: string;
  readonly party: string;
  readonly stakeUnits: bigint;
}

export interface DrawRequest {
  /** 64 hex digits of the recorded beacon. */
  readonly beacon: string;
  /** Place of the submission in the task's commit order. */
  readonly order: number;
  readonly candidates: readonly Candidate[];
  /** Parties that may not judge this submission: its owner's and its delegators'. */
  readonly excludedParties: ReadonlySet<string>;
  readonly count: number;
}

const byWallet = (a: { wallet: string }, b: { wallet: string }): number => (a.wallet < b.wallet ? -1 : a.wallet > b.wallet ? 1 : 0);

/**
 * Draws validators with the weight √(counted stake), one after another among those left: anyone can repeat it from the beacon
 * and the list. Sorted by wallet, so that neither the order of staking nor of arrival matters.
 */
export function drawValidators({ beacon, order, candidates, excludedParties, count }: DrawRequest): Candidate[] {
  const eligible = candidates.filter(({ party }) => !excludedParties.has(party)).sort(byWallet);
  const rng = new DeterministicRandom(sha256(concatBytes(utf8('skein/validators/v1\0'), hexToBytes(beacon), uint32be(order))));
  const drawn = weightedDraw(
    rng,
    eligible,
    eligible.map(({ stakeUnits }) => isqrt(stakeUnits)),
    count,
  );
  return drawn.sort(byWallet);
}

/** What the draw was made from, as one hash. */
export const candidatesSha256 = (candidates: readonly Candidate[]): string => sha256Hex(canonicalJson([...candidates].sort(byWallet)));
