import { lentStake } from './delegation.policy.js';
import { countedStake } from './staker.policy.js';

/** A slash that was decided, as far as the copies of stakes do not have it yet. */
export interface PendingSlash {
  readonly taskId: string;
  readonly role: string;
  /** What was decided on. */
  readonly units: bigint;
  /** What a final block took, once one is known to have. */
  readonly taken?: { readonly fromOwner: bigint; readonly fromPool: bigint };
  /** Own stake in that task and role, as the copy has it. */
  readonly ownUnits: bigint;
  /** Whether the copy of own stakes, and that of pools, has it. */
  readonly ownHeard: boolean;
  readonly poolHeard: boolean;
}

/** All that a wallet has, as the copies have it. */
export interface Holdings {
  readonly ownTotalUnits: bigint;
  /** gmFLOCK of its pool that counts. */
  readonly principalUnits: bigint;
}

/** One of the wallet's stakes. */
export interface HeldStake {
  readonly taskId: string;
  readonly role: string;
  readonly ownUnits: bigint;
}

const floor = (units: bigint): bigint => (units > 0n ? units : 0n);
const sum = (all: readonly bigint[]): bigint => all.reduce((total, one) => total + one, 0n);

/**
 * Who bears it, as the contract divides it: the owner by its share of the counted stake, rounded up, its pool the rest. Before a final
 * block has said it the shares are those of the copies, so that a part that is heard of while the other is not may differ from the
 * contract's by what the slash itself has changed in the shares.
 */
function partsOf({ units, taken, ownUnits }: PendingSlash, { ownTotalUnits, principalUnits }: Holdings): { own: bigint; pool: bigint } {
  if (taken) return { own: taken.fromOwner, pool: taken.fromPool };
  const counted = countedStake({ ownUnits, delegatedUnits: lentStake(ownUnits, ownTotalUnits, principalUnits) });
  const own = counted === 0n ? units : (units * ownUnits + counted - 1n) / counted;
  return { own, pool: units - own };
}

/**
 * A stake and what its wallet's pool lends to it, less every slash that was decided and is not in the copies yet: either part is
 * subtracted while it has not been heard of, so in whatever order they come it is gone once.
 */
export function effectiveStake(stake: HeldStake, holdings: Holdings, slashes: readonly PendingSlash[]): { ownUnits: bigint; delegatedUnits: bigint } {
  const open = slashes.map((slash) => ({ slash, parts: partsOf(slash, holdings) }));
  const ownParts = open.filter(({ slash }) => !slash.ownHeard);
  const here = ownParts.filter(({ slash }) => slash.taskId === stake.taskId && slash.role === stake.role);
  const ownUnits = floor(stake.ownUnits - sum(here.map(({ parts }) => parts.own)));
  const ownTotal = floor(holdings.ownTotalUnits - sum(ownParts.map(({ parts }) => parts.own)));
  const principal = floor(holdings.principalUnits - sum(open.filter(({ slash }) => !slash.poolHeard).map(({ parts }) => parts.pool)));
  return { ownUnits, delegatedUnits: lentStake(ownUnits, ownTotal, principal) };
}
