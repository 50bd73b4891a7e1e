import { sum } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { A, B, EVERYBODY, NOW, Stream, TASK_ID, UNIT, hash, policyOf, verdict, wallet } from '../../../test/domain.fixtures.js';
import { finalDecider } from '../final/final.decider.js';
import type { Participant } from '../task/participants.policy.js';
import { taskDecider } from '../task/task.decider.js';
import { type StakeHistory, evolveTask, initialTask } from '../task/task.state.js';
import { divideLockedPool } from './final-reward.policy.js';
import { countedStake } from './staker.policy.js';

const rules = { rankShare: 'geometric', qPpm: 500_000, alphaHalf: false, ladderUPpm: 250_000 } as const;
const node = (owner: string, own: bigint, delegated = 0n, sigmaPpm = 0): Participant => ({ wallet: owner, role: 'node', ownUnits: own, delegatedUnits: delegated, sigmaPpm });

/** The stakes at the ends of epochs, as a task's events leave them. */
function historyOf(epochs: readonly (readonly Participant[])[]): StakeHistory {
  const ended = (stakes: readonly Participant[], index: number) => ({
    type: 'skein.arena.task.epoch-recorded.v1' as const,
    data: {
      taskId: TASK_ID, epoch: index + 1, lockedUnits: 0n, carriedOutUnits: 0n, stakes, entries: [], commits: 0, quotaCredits: [],
      nextEpoch: index + 2, nextEpochAtMs: NOW,
    },
  });
  return epochs.map(ended).reduce(evolveTask, initialTask).stakes;
}

// Mean counted stakes: A (1000 + 3·1000, then 10 000 + 0) 7000, B (5000, then 9000) 7000.
const CAPPED_THEN_OWN = [
  [node(A, 1000n * UNIT, 10_000n * UNIT), node(B, 5000n * UNIT)],
  [node(A, 10_000n * UNIT), node(B, 9000n * UNIT)],
];

describe('the mean of counted stakes', () => {
  test('delegation above the cap of one epoch does not count through the own stake of another: 2000 and 1000, not 2250 and 750', () => {
    const history = historyOf(CAPPED_THEN_OWN);
    expect([A, B].map((owner) => countedStake(history.sums[owner]!))).toEqual([14_000n * UNIT, 14_000n * UNIT]);
    const { rewards } = divideLockedPool(3000n * UNIT, [A, B], history, 'mean', rules);
    expect(rewards.map(({ lockedUnits, poolLockedUnits }) => lockedUnits + poolLockedUnits)).toEqual([2000n * UNIT, 1000n * UNIT]);
    // Without its delegation A weighs by its mean own stake: 3000·(2·5500)/(2·5500 + 7000), floored.
    expect(rewards[0]).toMatchObject({ wallet: A, rank: 1, lockedUnits: (3000n * UNIT * 11n) / 18n });
    expect(rewards[1]).toMatchObject({ wallet: B, rank: 2, poolLockedUnits: 0n });
  });
  test('is what a task divides its locked pool by, from its first epoch to its final ranking', () => {
    const task = new Stream(taskDecider);
    task.do({ kind: 'propose', taskId: TASK_ID, requestId: 'r', creator: A, policy: policyOf(), nowMs: NOW });
    task.do({ kind: 'approve', nowMs: NOW });
    task.do({ kind: 'consider-start', participants: EVERYBODY, byOperator: false, nowMs: NOW });
    for (const [index, stakes] of CAPPED_THEN_OWN.entries())
      task.do({ kind: 'record-epoch', epoch: index + 1, lockedUnits: 1500n * UNIT, carriedOutUnits: 0n, stakes, entries: [], commits: 0, quotaCredits: [], nowMs: NOW });
    const { lockedUnits, stakes, policy } = task.state;
    const submissions = [A, B].map((owner, order) => ({ submissionId: `s${order}`, owner, artifactSha256: hash(String(order)), order }));
    const final = new Stream(finalDecider);
    final.do({ kind: 'request', taskId: TASK_ID, round: 3, submissions, participants: EVERYBODY, policy: policy!, taskRequestId: 'r', lockedUnits, stakes, nowMs: NOW });
    for (const n of [0, 1]) final.do({ kind: 'record-verdict', verdict: verdict(`s${n}`, 900n - BigInt(n)), nowMs: NOW });
    expect(final.events.at(-1)).toMatchObject({
      data: { rewards: [{ wallet: A, lockedUnits: (3000n * UNIT * 11n) / 18n }, { wallet: B, lockedUnits: 1000n * UNIT, poolLockedUnits: 0n }], carriedUnits: 0n },
    });
  });
  test('`last` caps the last epoch’s stakes as they stood', () => {
    const { rewards } = divideLockedPool(13n * UNIT, [A, B], historyOf([...CAPPED_THEN_OWN].reverse()), 'last', rules);
    // 2·(1000 + 3·1000) to 5000.
    expect(rewards.map(({ lockedUnits, poolLockedUnits }) => lockedUnits + poolLockedUnits)).toEqual([8n * UNIT, 5n * UNIT]);
  });
});

interface Means {
  readonly own: bigint;
  readonly counted: bigint;
}

/** The rule word by word: at each epoch's end own plus delegation up to three times own (nothing where absent), divided by the number of epochs. */
function meansOf(owner: string, epochs: readonly (readonly Participant[])[]): Means {
  let [own, counted] = [0n, 0n];
  for (const stakes of epochs) {
    const { ownUnits, delegatedUnits } = stakes.find((one) => one.wallet === owner) ?? { ownUnits: 0n, delegatedUnits: 0n };
    own += ownUnits;
    counted += ownUnits + (delegatedUnits > 3n * ownUnits ? 3n * ownUnits : delegatedUnits);
  }
  const count = BigInt(epochs.length);
  expect([own % count, counted % count]).toEqual([0n, 0n]);
  return { own: own / count, counted: counted / count };
}

/** Floor of `total` × its share at q = ½, for the wallet at `index` of the stakes in rank order. */
function halvingShare(total: bigint, stakes: readonly bigint[], index: number): bigint {
  const weights = stakes.map((stake, rank) => stake << BigInt(stakes.length - 1 - rank));
  return (total * weights[index]!) / sum(weights);
}

const WALLETS = ['a', 'b', 'c', 'd', 'e'].map((digit) => wallet(digit));
const standing = fc.record({
  present: fc.boolean(),
  own: fc.bigInt({ min: 1n, max: 10n ** 23n }),
  delegated: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 10n ** 24n })),
});
const epochsOfStakes = fc
  .integer({ min: 1, max: 6 })
  .chain((count) => fc.array(fc.array(standing, { minLength: WALLETS.length, maxLength: WALLETS.length }), { minLength: count, maxLength: count }));

test('the locked pool follows the mean of counted stakes over the ends of the epochs, by a brute-force model', () => {
  fc.assert(
    fc.property(epochsOfStakes, fc.shuffledSubarray(WALLETS), fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: 0, max: 1_000_000 }), (drawn, order, locked, sigma) => {
      // Every amount is a multiple of the number of epochs, so that the means are whole.
      const scale = BigInt(drawn.length);
      const epochs = drawn.map((all) => all.flatMap(({ present, own, delegated }, index) => (present ? [node(WALLETS[index]!, own * scale, delegated * scale, sigma)] : [])));
      const ranked = order.map((owner) => ({ owner, ...meansOf(owner, epochs) })).filter(({ counted }) => counted > 0n);
      const { rewards, carriedUnits } = divideLockedPool(locked, order, historyOf(epochs), 'mean', rules);
      expect(rewards.map(({ wallet: owner }) => owner)).toEqual(ranked.map(({ owner }) => owner));
      expect(sum(rewards.map((one) => one.lockedUnits + one.poolLockedUnits)) + carriedUnits).toBe(locked);
      const counted = ranked.map((one) => one.counted);
      for (const [index, { lockedUnits, poolLockedUnits }] of rewards.entries()) {
        const a = lockedUnits + poolLockedUnits;
        const floor = halvingShare(locked, counted, index);
        expect(a === floor || a === floor + 1n).toBe(true);
        const alone = halvingShare(locked, counted.with(index, ranked[index]!.own), index);
        const b = alone < a && ranked[index]!.own < counted[index]! ? alone : a;
        expect(lockedUnits).toBe(b + ((a - b) * BigInt(sigma)) / 1_000_000n);
      }
    }),
  );
});
