import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FederationState } from '../src/domain/federation/federation.state.js';
import { moveMoney } from '../src/domain/federation/settlement.policy.js';
import { hashOf, manifestWith, SECONDS, Story, wallet } from './story.js';

const NODES = ['a', 'b', 'c', 'd', 'e'].map(wallet);
const balanced = ({ pool }: FederationState): boolean => pool.granted + pool.slashed === pool.paid + pool.callers + pool.left;

/** One round by choices: each proposer comes or not, each voter seals, reveals, and how; deadlines close what is open. */
function playRound(story: Story, choices: readonly number[], stakes: Record<string, bigint>): void {
  story.open(stakes);
  let at = 0;
  const choose = (): number => choices[at++ % choices.length]!;
  const phase = (): string | undefined => story.state.round?.phase;
  const close = (closed: 'contributing' | 'committing' | 'revealing', caller?: string): void => {
    if (phase() !== closed) return;
    story.nowMs += 30 * SECONDS;
    story.give({ kind: 'close-phase', round: story.state.round!.round, phase: closed, nowMs: story.nowMs, ...(caller ? { caller } : {}) });
  };
  const round = story.state.round;
  if (!round) return;
  for (const { node } of round.proposers) if (choose() % 4 > 0) story.contribute(node);
  const member = round.voters[0]?.node;
  close('contributing', choose() % 2 ? wallet('caller') : undefined);
  if (phase() !== 'aggregating') return;
  story.aggregate(Object.fromEntries(NODES.map((node) => [node, choose() % 3 === 0 ? 20 : 1])));
  const votes = round.voters.map(({ node }) => ({ node, score: (choose() % 2 ? 1 : -1) as 1 | -1, hash: choose() % 5 === 0 ? hashOf('odd') : hashOf('aggregate'), mode: choose() % 4 }));
  for (const { node, score, hash, mode } of votes) if (mode > 0) story.commit(node, score, hash);
  close('committing', member);
  if (phase() !== 'revealing') return;
  for (const { node, score, hash, mode } of votes) if (mode > 1 && story.state.round) story.reveal(node, score, hash);
  close('revealing', [member, wallet('caller'), undefined][choose() % 3]);
}

/** gmFLOCK of the pool, added up from what happened. */
function gmOf({ events }: Story): bigint {
  let gm = 0n;
  for (const event of events) {
    if (event.type !== 'skein.federation.round.settled.v1' && event.type !== 'skein.federation.round.voided.v1') continue;
    const { slashes, callerUnits, payments } = event.data;
    gm += slashes.reduce((sum, { units }) => sum + units, 0n) - callerUnits - payments.reduce((sum, { gm: part }) => sum + part, 0n);
  }
  return gm;
}

test('over any story granted + slashed = paid + callers + left, nothing is negative, and every round is settled or void', () => {
  const stake = fc.bigInt({ min: 50n, max: 10n ** 24n });
  fc.assert(
    fc.property(
      fc.array(stake, { minLength: 5, maxLength: 5 }),
      fc.bigInt({ min: 1n, max: 10n ** 27n }),
      fc.constantFrom('reference' as const, 'own-robust-score' as const),
      fc.array(fc.array(fc.nat(59), { minLength: 8, maxLength: 24 }), { minLength: 4, maxLength: 4 }),
      (amounts, pool, slashing, rounds) => {
        const stakes = Object.fromEntries(NODES.map((node, i) => [node, amounts[i]!]));
        const manifest = manifestWith({ slashing, rounds: 4, participantsMax: 5, stakeThreshold: 50n });
        const story = new Story().start(manifest, pool, stakes);
        for (const choices of rounds) {
          if (story.state.phase === 'joining')
            story.give({ kind: 'close-phase', round: story.state.roundsDone + 1, phase: 'joining', nowMs: story.state.joiningDueAtMs });
          else playRound(story, choices, stakes);
          expect(balanced(story.state)).toBe(true);
          expect(story.state.pool.left >= 0n).toBe(true);
          expect(story.state.gmLeft >= 0n && story.state.gmLeft <= story.state.pool.left).toBe(true);
        }
        expect(story.state.roundsDone).toBe(4);
        expect(story.state.gmLeft).toBe(gmOf(story));
        expect(Object.values(story.state.openSlashes).reduce((sum, { units }) => sum + units, 0n)).toBe(story.state.pool.slashed);
        expect(story.state.phase).toBe('finished');
        for (const node of NODES) expect(story.state.members[node]!.slashed <= stakes[node]!).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test('a movement pays exactly the reward or nothing, and never more than the pool', () => {
  const units = fc.bigInt({ min: 0n, max: 10n ** 27n });
  fc.assert(
    fc.property(units, fc.integer({ min: 1, max: 50 }), fc.array(units, { maxLength: 6 }), fc.array(units, { maxLength: 6 }), (left, roundsLeft, slashed, stakes) => {
      const slashes = slashed.map((amount, i) => ({ node: `s${i}`, units: amount, reason: 'silent' as const }));
      const good = stakes.map((amount, i) => ({ node: `g${i}`, stake: amount }));
      const money = moveMoney({ left, roundsLeft, slashes, good, caller: 'c' });
      const paid = money.payments.reduce((sum, payment) => sum + payment.units, 0n);
      expect(paid === 0n || paid === money.reward).toBe(true);
      expect(left + slashed.reduce((a, b) => a + b, 0n)).toBe(paid + money.callerUnits + money.left);
    }),
  );
});

test('every payment is FLOCK and gmFLOCK to the last unit, and neither is more than the pool has of it', () => {
  const units = fc.bigInt({ min: 0n, max: 10n ** 27n });
  const few = fc.bigInt({ min: 0n, max: 20n });
  const amount = fc.oneof(units, few);
  fc.assert(
    fc.property(amount, amount, fc.integer({ min: 1, max: 50 }), fc.array(amount, { maxLength: 6 }), fc.array(amount, { maxLength: 9 }), (flock, leftGm, roundsLeft, slashed, stakes) => {
      const slashes = slashed.map((each, i) => ({ node: `s${i}`, units: each, reason: 'silent' as const }));
      const money = moveMoney({ left: flock + leftGm, leftGm, roundsLeft, slashes, good: stakes.map((stake, i) => ({ node: `g${i}`, stake })), caller: 'c' });
      const gmPaid = money.payments.reduce((sum, payment) => sum + payment.gm, 0n);
      const flockPaid = money.payments.reduce((sum, payment) => sum + payment.units - payment.gm, 0n);
      for (const payment of money.payments) expect(payment.gm >= 0n && payment.gm <= payment.units).toBe(true);
      expect(flockPaid <= flock).toBe(true);
      expect(leftGm + slashed.reduce((a, b) => a + b, 0n) - money.callerUnits).toBe(gmPaid + money.leftGm!);
      expect(flock - flockPaid).toBe(money.left - money.leftGm!);
    }),
    { numRuns: 2_000 },
  );
});
