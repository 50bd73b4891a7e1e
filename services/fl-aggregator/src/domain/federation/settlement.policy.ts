import { largestRemainder, mulDiv } from '@skein/kernel';
import type { Payment, PoolMovement, Slash, SlashReason, StakedNode } from './federation.events.js';
import { PPM } from './manifest.js';
import type { Manifest } from './manifest.js';
import type { RoundState } from './federation.state.js';

/** A revealed vote with its weight. */
interface Ballot {
  readonly node: string;
  readonly stake: bigint;
  readonly score: 1 | -1;
  readonly sha256: string;
}

/** What the votes say. */
export interface Tally {
  /** `disputed`: the popular hash is not the recorded aggregate, whose bytes nobody holds; the previous model stays. */
  readonly outcome: 'accepted' | 'rejected' | 'tied' | 'disputed';
  /** The popular hash: most stake, ties to the first revealed. */
  readonly sha256: string;
  /** Σ stake × score over the votes for the popular hash. */
  readonly sum: bigint;
}

function ballotsOf(round: RoundState): Ballot[] {
  const stakes = new Map(round.voters.map(({ node, stake }) => [node, stake]));
  return Object.entries(round.votes).flatMap(([node, { revealed }]) =>
    revealed ? [{ node, stake: stakes.get(node)!, ...revealed }] : [],
  );
}

/** Counts the revealed votes; undefined when there is none. */
export function tally(round: RoundState): Tally | undefined {
  const ballots = ballotsOf(round);
  const weights = new Map<string, bigint>();
  for (const { sha256, stake } of ballots) weights.set(sha256, (weights.get(sha256) ?? 0n) + stake);
  let popular: string | undefined;
  for (const [sha256, weight] of weights) if (popular === undefined || weight > weights.get(popular)!) popular = sha256;
  if (popular === undefined) return undefined;
  const sum = ballots.reduce((s, b) => (b.sha256 === popular ? s + b.stake * BigInt(b.score) : s), 0n);
  if (popular !== round.aggregate?.sha256) return { outcome: 'disputed', sha256: popular, sum };
  return { outcome: sum > 0n ? 'accepted' : sum < 0n ? 'rejected' : 'tied', sha256: popular, sum };
}

const isDecided = ({ outcome }: Tally): boolean => outcome === 'accepted' || outcome === 'rejected';

const isLate = (round: RoundState, node: string): boolean => round.late.includes(node);

function proposerReason(round: RoundState, votes: Tally | undefined, manifest: Manifest, node: string): SlashReason | undefined {
  if (isLate(round, node)) return 'late';
  if (votes?.outcome !== 'rejected') return undefined;
  if (manifest.slashing === 'reference') return 'voted-down';
  return (round.aggregate?.scores[node] ?? 0) > manifest.robustScoreMax ? 'outlier' : undefined;
}

function voterReason(round: RoundState, votes: Tally | undefined, manifest: Manifest, ballots: Ballot[], node: string): SlashReason | undefined {
  const ballot = ballots.find((candidate) => candidate.node === node);
  if (!ballot) return 'silent';
  if (manifest.slashing === 'reference') {
    if (votes === undefined || !isDecided(votes)) return undefined;
    if (ballot.sha256 !== votes.sha256) return 'other-hash';
    return (ballot.score === 1) === (votes.outcome === 'accepted') ? undefined : 'losing-side';
  }
  // Nobody else could compute it: not another voter and not the aggregator itself.
  const company = ballots.some((other) => other.node !== node && other.sha256 === ballot.sha256);
  return company || ballot.sha256 === round.aggregate?.sha256 ? undefined : 'lone-hash';
}

/** Who loses stake, in the order proposers then voters, each by node id. `voted` is false when the round never came to a vote. */
export function slashesOf(round: RoundState, votes: Tally | undefined, manifest: Manifest, voted: boolean): Slash[] {
  const ballots = ballotsOf(round);
  const amount = (stake: bigint): bigint => mulDiv(stake, BigInt(manifest.slashRatePpm), BigInt(PPM));
  const slash = ({ node, stake }: StakedNode, reason: SlashReason | undefined): Slash[] =>
    reason === undefined ? [] : [{ node, units: amount(stake), reason }];
  return [
    ...round.proposers.flatMap((member) => slash(member, proposerReason(round, votes, manifest, member.node))),
    ...(voted ? round.voters.flatMap((member) => slash(member, voterReason(round, votes, manifest, ballots, member.node))) : []),
  ];
}

/** Who earns: proposers that delivered to an accepted round, and voters for the popular hash on the winning side. */
export function goodOf(round: RoundState, votes: Tally): StakedNode[] {
  if (!isDecided(votes)) return [];
  const wanted = votes.outcome === 'accepted' ? 1 : -1;
  const winners = new Set(
    ballotsOf(round).filter((b) => b.sha256 === votes.sha256 && b.score === wanted).map((b) => b.node),
  );
  return [
    ...(votes.outcome === 'accepted' ? round.proposers.filter(({ node }) => !isLate(round, node)) : []),
    ...round.voters.filter(({ node }) => winners.has(node)),
  ];
}

/** A tenth of what is slashed goes to the wallet that called for it, floored; without one all of it goes to the pool. */
const callerPart = (slashed: bigint, caller: string | undefined): bigint => (caller === undefined ? 0n : slashed / 10n);

/**
 * How payments divide into FLOCK and gmFLOCK: as many rounds' part of the pool's gmFLOCK, in proportion to the payments. No part is
 * above its payment, because the sum is not; and what remains is never more FLOCK than the pool has.
 */
function withTokens(parts: readonly { readonly node: string; readonly units: bigint }[], gmPart: bigint): Payment[] {
  const gm = gmPart === 0n ? [] : largestRemainder(gmPart, parts.map(({ units }) => units));
  return parts.map((part, i) => ({ ...part, gm: gm[i] ?? 0n }));
}

/** Slashes into the pool, then the round's reward out of it: pool ÷ rounds left, by stake, largest remainder. */
export function moveMoney(request: {
  readonly left: bigint;
  /** What of it is gmFLOCK. */
  readonly leftGm?: bigint;
  readonly roundsLeft: number;
  readonly slashes: readonly Slash[];
  readonly good: readonly StakedNode[];
  readonly caller?: string | undefined;
}): PoolMovement & { readonly reward: bigint } {
  const { slashes, good, caller } = request;
  const slashed = slashes.reduce((sum, slash) => sum + slash.units, 0n);
  const callerUnits = callerPart(slashed, caller);
  const pool = request.left + slashed - callerUnits;
  const reward = pool / BigInt(request.roundsLeft);
  const payable = good.some(({ stake }) => stake > 0n);
  const parts = payable ? largestRemainder(reward, good.map(({ stake }) => stake)) : [];
  const poolGm = (request.leftGm ?? 0n) + slashed - callerUnits;
  const gmPart = payable ? poolGm / BigInt(request.roundsLeft) : 0n;
  const payments = withTokens(parts.map((units, i) => ({ node: good[i]!.node, units })), gmPart);
  const left = pool - parts.reduce((sum, units) => sum + units, 0n);
  return { slashes, callerUnits, ...(caller === undefined || callerUnits === 0n ? {} : { caller }), payments, left, leftGm: poolGm - gmPart, reward };
}
