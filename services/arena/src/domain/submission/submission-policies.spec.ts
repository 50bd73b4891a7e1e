import { toNano } from '@skein/kernel';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { arenaGolden } from '../../../test/golden.js';
import { boardScore, rankByScore, roundForBoard } from '../board/board.policy.js';
import { commitHash } from './commit.policy.js';
import { findCopies } from './copy.policy.js';
import { earlierWinsBar } from './earlier-wins.policy.js';

describe('commit', () => {
  test('the pre-image is the documented one, byte by byte', () => {
    const taskId = '01890a5d-ac96-774b-bcce-b302099a8057';
    const owner = 'eip155:31337:0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
    const [artifactSha256, salt] = ['ab'.repeat(32), 'cd'.repeat(32)];
    const preimage = Buffer.concat([
      Buffer.from('skein/commit/v1\0', 'latin1'),
      Buffer.from(taskId.replaceAll('-', ''), 'hex'),
      Buffer.from('00000102', 'hex'),
      Buffer.from(owner.slice(-40), 'hex'),
      Buffer.from(artifactSha256, 'hex'),
      Buffer.from(salt, 'hex'),
    ]);
    expect(preimage).toHaveLength(16 + 16 + 4 + 20 + 32 + 32);
    expect(commitHash({ taskId, epoch: 258, owner, artifactSha256, salt })).toBe(createHash('sha256').update(preimage).digest('hex'));
  });
});

describe('copies', () => {
  const commit = (submissionId: string, owner: string, artifactSha256: string) => ({ submissionId, owner, artifactSha256 });
  test('a later commit of the same bytes is a copy, also of a copy and across epochs', () => {
    const list = [commit('1', 'a', 'x'), commit('2', 'b', 'x'), commit('3', 'c', 'x'), commit('4', 'a', 'x'), commit('5', 'c', 'old'), commit('6', 'd', 'old')];
    expect(findCopies(list, [{ sha256: 'old', owner: 'd' }])).toEqual(new Set(['2', '3', '5']));
  });
  test('each artifact keeps exactly one owner', () => {
    const one = fc.record({ submissionId: fc.uuid(), owner: fc.constantFrom('a', 'b', 'c'), artifactSha256: fc.constantFrom('x', 'y', 'z') });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), (list) => {
        const copies = findCopies(list, []);
        for (const artifact of ['x', 'y', 'z']) {
          const kept = list.filter((item) => item.artifactSha256 === artifact && !copies.has(item.submissionId));
          expect(new Set(kept.map(({ owner }) => owner)).size).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('near-duplicates', () => {
  const { championLoss, secondsPerBlock, cases } = arenaGolden.earlierWinsEpsilon;
  test.each(cases)('at block $block the bar is $bar', ({ block, bar, challenger, wins }) => {
    const nano = earlierWinsBar(toNano(championLoss), 0n, block * secondsPerBlock * 1000, 'lower');
    expect(Number(nano) / 1e9).toBeCloseTo(bar, 6);
    expect(toNano(challenger) < nano).toBe(wins);
  });
  test('the bar lies on the better side and the floor holds near zero', () => {
    expect(earlierWinsBar(0n, 1_000_000_000n, 0, 'higher')).toBe(5_000_000n);
    expect(earlierWinsBar(-2_000_000_000n, 0n, 0, 'higher')).toBe(-1_990_000_000n);
    expect(earlierWinsBar(-2_000_000_000n, 0n, 0, 'lower')).toBe(-2_010_000_000n);
  });
});

describe('the public board', () => {
  test('rounds towards the worse side', () => {
    expect(roundForBoard(767_000_000n, 10_000_000n, 'higher')).toBe(760_000_000n);
    expect(roundForBoard(767_000_000n, 10_000_000n, 'lower')).toBe(770_000_000n);
    expect(roundForBoard(-767_000_000n, 10_000_000n, 'higher')).toBe(-770_000_000n);
    expect(roundForBoard(760_000_000n, 10_000_000n, 'lower')).toBe(760_000_000n);
  });
  test('shows only improvements of a whole step', () => {
    expect(boardScore(769_000_000n, 10_000_000n, 'higher', 760_000_000n)).toBe(760_000_000n);
    expect(boardScore(771_000_000n, 10_000_000n, 'higher', 760_000_000n)).toBe(770_000_000n);
    expect(boardScore(500_000_000n, 10_000_000n, 'higher', 760_000_000n)).toBe(760_000_000n);
  });
  test('never promises more than the score when first shown', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.bigInt({ min: 1n, max: 10n ** 9n }), (score, step) => {
        expect(roundForBoard(score, step, 'higher') <= score).toBe(true);
        expect(roundForBoard(score, step, 'lower') >= score).toBe(true);
        expect(roundForBoard(score, step, 'higher') % step).toBe(0n);
      }),
    );
  });
  test('ties rank by commit order', () => {
    const entries = [
      { submissionId: 'late', scoreNano: 5n, order: 2 },
      { submissionId: 'worse', scoreNano: 4n, order: 0 },
      { submissionId: 'early', scoreNano: 5n, order: 1 },
    ];
    expect(rankByScore(entries, 'higher').map(({ submissionId }) => submissionId)).toEqual(['early', 'late', 'worse']);
    expect(rankByScore(entries, 'lower').map(({ submissionId }) => submissionId)).toEqual(['worse', 'early', 'late']);
  });
});
