import { assert, largestRemainder } from '@skein/kernel';

/** Classes of owners, in the order in which shares are listed. */
export const OWNER_CLASSES = ['developer', 'data', 'validators', 'parents'] as const;
export type OwnerClass = (typeof OWNER_CLASSES)[number];

/** A payee's part of a version's revenue; the parts of a version sum to 10 000 basis points. */
export interface OwnerShare {
  readonly class: OwnerClass;
  /** CAIP-10 wallet. */
  readonly payee: string;
  readonly bps: number;
}

/** Who made a version, and by how much, in the units of each class: rounds, base units paid, parent versions. */
export interface Contributors {
  readonly developer: string;
  readonly data: readonly Weighted[];
  readonly validators: readonly Weighted[];
  readonly parents: readonly Weighted[];
}

export interface Weighted {
  readonly payee: string;
  readonly weight: bigint;
}

/** Default parts of the classes (billing.md): what an absent class would get goes pro rata to those present. */
export const CLASS_WEIGHTS: Readonly<Record<OwnerClass, bigint>> = { developer: 5000n, data: 2000n, validators: 1000n, parents: 2000n };

const BPS = 10_000n;

/** Owner shares that follow from a version's lineage: class parts first, then payees within each, both by largest remainder. */
export function ownerShares(contributors: Contributors): OwnerShare[] {
  const members: Readonly<Record<OwnerClass, readonly Weighted[]>> = {
    ...contributors,
    developer: [{ payee: contributors.developer, weight: 1n }],
  };
  const present = OWNER_CLASSES.filter((each) => members[each].some(({ weight }) => weight > 0n));
  const parts = largestRemainder(BPS, present.map((each) => CLASS_WEIGHTS[each]));
  const shares = present.flatMap((each, index) => sharesOfClass(each, parts[index]!, members[each]));
  assert(shares.reduce((sum, { bps }) => sum + bps, 0) === Number(BPS), 'owner shares sum to 10 000');
  return shares;
}

function sharesOfClass(ownerClass: OwnerClass, part: bigint, members: readonly Weighted[]): OwnerShare[] {
  const byPayee = new Map<string, bigint>();
  for (const { payee, weight } of members) byPayee.set(payee, (byPayee.get(payee) ?? 0n) + weight);
  const payees = [...byPayee].sort(([a], [b]) => (a < b ? -1 : 1));
  const bps = largestRemainder(part, payees.map(([, weight]) => weight));
  return payees.map(([payee], index) => ({ class: ownerClass, payee, bps: Number(bps[index]) })).filter((share) => share.bps > 0);
}
