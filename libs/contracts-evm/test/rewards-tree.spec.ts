import fc from 'fast-check';
import { concat, keccak256, type Address, type Hex } from 'viem';
import { expect, test } from 'vitest';
import { AT_ONCE, leafOf, rewardsTree, streamOfTask, taskKey, type Grant } from '../src/index.js';

const domain = { chainId: 31_337, rewards: `0x${'ab'.repeat(20)}` } as const;
const account = (at: number): Address => `0x${at.toString(16).padStart(40, '0')}`;
const grant = (at: number, total = BigInt(at + 1)): Grant => ({ account: account(at), stream: AT_ONCE, total, start: 0n, duration: 0n });

/** `MerkleProof.processProof` of OpenZeppelin. */
const climb = (leaf: Hex, proof: readonly Hex[]): Hex => proof.reduce((node, sibling) => keccak256(node < sibling ? concat([node, sibling]) : concat([sibling, node])), leaf);

test('every grant of a tree of any size proves itself, and no other does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 0, max: 69 }), (size, asked) => {
      const grants = Array.from({ length: size }, (_, at) => grant(at));
      const tree = rewardsTree(domain, grants);
      const mine = grants[asked % size]!;
      expect(climb(leafOf(domain, mine), tree.proofOf(mine)!)).toBe(tree.root);
      expect(tree.proofOf({ ...mine, total: mine.total + 1n })).toBeUndefined();
      expect(tree.proofOf(mine)!.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      expect(tree.sum).toBe(BigInt((size * (size + 1)) / 2));
    }),
    { numRuns: 60 },
  );
});

test('the order of the grants does not matter; chain, contract and every field do', () => {
  const grants = [grant(1), grant(2), grant(3)];
  const { root } = rewardsTree(domain, grants);
  expect(rewardsTree(domain, grants.toReversed()).root).toBe(root);
  const others = [
    rewardsTree({ ...domain, chainId: 1 }, grants).root,
    rewardsTree({ ...domain, rewards: account(9) }, grants).root,
    rewardsTree(domain, [grant(1), grant(2), grant(3, 9n)]).root,
    rewardsTree(domain, [grant(1), grant(2), { ...grant(3), duration: 1n }]).root,
    rewardsTree(domain, [grant(1), grant(2), { ...grant(3), start: 1n }]).root,
    rewardsTree(domain, [grant(1), grant(2), { ...grant(3), stream: streamOfTask(taskKey('0192f0c1-2b3c-7def-8123-456789abcdef')) }]).root,
  ];
  expect(new Set([root, ...others]).size).toBe(others.length + 1);
});

test('a tree of nothing and two grants in one place are refused', () => {
  expect(() => rewardsTree(domain, [])).toThrow('needs a grant');
  expect(() => rewardsTree(domain, [grant(1), grant(1, 9n)])).toThrow('two grants');
});
