import { FP_ONE, sum } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { A, B, C, EVERYBODY, NODES, NOW, Stream, TASK_ID, UNIT, V, W, hash, participant, policyOf, verdict } from '../../../test/domain.fixtures.js';
import { scoringIdOf } from '../epoch/judge.policy.js';
import { type FinalCommand, finalDecider } from './final.decider.js';

const entry = (owner: string, n: number) => ({ submissionId: `s${n}`, owner, artifactSha256: hash(String(n)), order: n });
const sums = Object.fromEntries(NODES.map((one) => [one.wallet, { ...one, ownUnits: one.ownUnits * 2n }]));
const request = (over: Partial<Extract<FinalCommand, { kind: 'request' }>> = {}): FinalCommand => ({
  kind: 'request', taskId: TASK_ID, round: 3, submissions: [entry(A, 1), entry(B, 2), entry(C, 3)], participants: EVERYBODY, policy: policyOf(), taskRequestId: 'r',
  lockedUnits: 1001n, stakes: { sums, last: NODES }, nowMs: NOW, ...over,
});
const judge = (n: number, score: bigint, over: object = {}): FinalCommand => ({ kind: 'record-verdict', verdict: verdict(`s${n}`, score, over), nowMs: NOW + 1 });

describe('final validation', () => {
  test('asks for the held-back set, once', () => {
    const final = new Stream(finalDecider);
    expect(final.do(request())).toMatchObject([{ data: { scoringId: scoringIdOf(TASK_ID, 3), dataSetSha256: hash('9'), deadlineMs: NOW + 60_000 } }]);
    expect(final.do(request())).toEqual([]);
    expect(new Stream(finalDecider).refused(judge(1, 5n))).toBe('final-not-requested');
  });
  test('ranks by the held-back score and divides the locked pool whole', () => {
    const final = new Stream(finalDecider);
    final.do(request());
    final.do(judge(1, 500n));
    expect(final.do(judge(1, 900n))).toEqual([]);
    final.do(judge(2, 700n));
    const [, concluded] = final.do(judge(3, 500n));
    expect(concluded).toMatchObject({ data: { ranking: [{ owner: B, rank: 1 }, { owner: A, rank: 2 }, { owner: C, rank: 3 }], carriedUnits: 0n, winnerValidators: [{ wallet: V }, { wallet: W, share: FP_ONE - FP_ONE / 3n }] } });
    // Weights by stake 4000·4, 3000·2, 5000·1 of 27 000: 593.19, 222.44, 185.37 of 1001.
    expect(final.events.at(-1)).toMatchObject({ data: { rewards: [{ wallet: B, lockedUnits: 593n }, { wallet: A, lockedUnits: 223n }, { wallet: C, lockedUnits: 185n }] } });
  });
  test('what fails or misses its quorum does not rank', () => {
    const final = new Stream(finalDecider);
    final.do(request());
    final.do(judge(1, 0n, { outcome: 'failed', rule: 'runner-memory', shares: [] }));
    final.do(judge(2, 0n, { outcome: 'uncounted', shares: [] }));
    expect(final.do(judge(3, 5n))[1]).toMatchObject({ data: { ranking: [{ owner: C }], rewards: [{ wallet: C, lockedUnits: 1001n }] } });
  });
  test('nobody to rank: the pool is carried over', () => {
    const final = new Stream(finalDecider);
    expect(final.do(request({ submissions: [] }))[1]).toMatchObject({ data: { ranking: [], rewards: [], carriedUnits: 1001n, lockedUnits: 1001n } });
  });
  test('`last` divides by the stakes of the last epoch, `mean` by those of all', () => {
    const late = participant('a', 'node', 100_000n);
    const stakes = { sums, last: [late, NODES[1]!, NODES[2]!] };
    const conclude = (finalStake: 'mean' | 'last') => {
      const final = new Stream(finalDecider);
      final.do(request({ policy: policyOf({ rules: { finalStake } }), stakes, lockedUnits: 1000n * UNIT }));
      for (const n of [1, 2, 3]) final.do(judge(n, 10n - BigInt(n)));
      const event = final.events.at(-1)!;
      return event.type === 'skein.arena.final.concluded.v1' ? event.data.rewards : [];
    };
    expect(conclude('last')[0]!.lockedUnits > conclude('mean')[0]!.lockedUnits).toBe(true);
    for (const list of [conclude('last'), conclude('mean')]) expect(sum(list.map(({ lockedUnits }) => lockedUnits))).toBe(1000n * UNIT);
  });
});
