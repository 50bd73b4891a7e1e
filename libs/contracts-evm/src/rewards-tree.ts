import { concat, encodeAbiParameters, keccak256, type Address, type Hex } from 'viem';

/** What a leaf of `Rewards` grants: `account` has earned `total` base units in `stream` since the beginning; times in seconds. */
export interface Grant {
  readonly account: Address;
  /** 32 bytes: zero for what is paid at once, else a task's 16 bytes and 16 zero bytes. */
  readonly stream: Hex;
  readonly total: bigint;
  readonly start: bigint;
  readonly duration: bigint;
}

/** The contract that a tree is for: a leaf is worth nothing on another chain or in another contract. */
export interface RewardsDomain {
  readonly chainId: number;
  readonly rewards: Address;
}

/** The stream that is paid at once. */
export const AT_ONCE: Hex = `0x${'0'.repeat(64)}`;

/** The stream of a task's final reward: its key (`taskKey`), filled up with zeros. */
export const streamOfTask = (key: Hex): Hex => `0x${key.slice(2).padEnd(64, '0')}`;

const LEAF = [
  { type: 'uint256' },
  { type: 'address' },
  {
    type: 'tuple',
    components: [
      { name: 'account', type: 'address' },
      { name: 'stream', type: 'bytes32' },
      { name: 'total', type: 'uint256' },
      { name: 'start', type: 'uint256' },
      { name: 'duration', type: 'uint256' },
    ],
  },
] as const;

/** The leaf of a grant, as `Rewards.leafOf`: hashed twice, so that no inner node can pass for one. */
export const leafOf = ({ chainId, rewards }: RewardsDomain, grant: Grant): Hex =>
  keccak256(keccak256(encodeAbiParameters(LEAF, [BigInt(chainId), rewards, grant])));

const pairHash = (a: Hex, b: Hex): Hex => keccak256(a < b ? concat([a, b]) : concat([b, a]));

function above(level: readonly Hex[]): Hex[] {
  const next: Hex[] = [];
  // A node without a sibling goes up as it is.
  for (let at = 0; at < level.length; at += 2) next.push(at + 1 < level.length ? pairHash(level[at]!, level[at + 1]!) : level[at]!);
  return next;
}

/** The Merkle tree of a reward epoch. */
export interface RewardsTree {
  readonly root: Hex;
  /** Sum of all totals. */
  readonly sum: bigint;
  /** Siblings from the leaf to the root; undefined for a grant that is not in the tree. */
  proofOf(grant: Grant): Hex[] | undefined;
}

/**
 * The tree over grants, in whatever order they come: leaves are sorted. Pairs are hashed smaller first, as OpenZeppelin's
 * `MerkleProof` does. Throws an `Error` for no grant at all and for two of one account and stream.
 */
export function rewardsTree(domain: RewardsDomain, grants: readonly Grant[]): RewardsTree {
  if (grants.length === 0) throw new Error('a tree needs a grant');
  const places = new Set(grants.map(({ account, stream }) => `${account} ${stream}`));
  if (places.size !== grants.length) throw new Error('an account has two grants in one stream');
  const leaves = grants.map((grant) => leafOf(domain, grant)).sort();
  const levels: Hex[][] = [leaves];
  while (levels.at(-1)!.length > 1) levels.push(above(levels.at(-1)!));
  const index = new Map(leaves.map((leaf, at) => [leaf, at]));
  const proofOf = (grant: Grant): Hex[] | undefined => {
    const first = index.get(leafOf(domain, grant));
    if (first === undefined) return undefined;
    return levels.flatMap((level, depth) => level[(first >> depth) ^ 1] ?? []);
  };
  return { root: levels.at(-1)![0]!, sum: grants.reduce((sum, { total }) => sum + total, 0n), proofOf };
}
