import { FP_ONE, encodePayload, largestRemainder, sum } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admissionDueAtMs, epochDecider } from '../src/domain/epoch/epoch.decider.js';
import { PARTICIPANTS_MAX, type Participant } from '../src/domain/task/participants.policy.js';
import { type Entry } from '../src/domain/task/task.events.js';
import { A, B, C, EVERYBODY, EpochGame, NOW, UNIT, V, W, hash, opened, policyOf, submissionIdOf } from './domain.fixtures.js';

const OWNERS = [A, B, C];
const owner = fc.constantFrom(...OWNERS);
const artifact = fc.constantFrom('1', '2', '3');
const step = fc.oneof(
  fc.record({ kind: fc.constant('commit' as const), owner, artifact, n: fc.nat(1) }),
  fc.record({ kind: fc.constant('done' as const), owner }),
  fc.record({ kind: fc.constant('reveal' as const), owner, artifact, n: fc.nat(1) }),
  fc.record({ kind: fc.constant('admit' as const), owner, rule: fc.constantFrom('', '', 'external-data', 'platform-fault'), n: fc.nat(1) }),
  fc.record({ kind: fc.constant('verdict' as const), owner, n: fc.nat(1), score: fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }), outcome: fc.constantFrom('counted' as const, 'counted' as const, 'uncounted' as const, 'failed' as const), part: fc.bigInt({ min: 0n, max: FP_ONE }) }),
  fc.record({ kind: fc.constant('wait' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function commandOf(game: EpochGame, move: Step, nowMs: number) {
  const late = { nowMs };
  switch (move.kind) {
    case 'commit':
      return { ...game.commitOf(move.owner, move.artifact, move.n), ...late };
    case 'done':
      return { ...game.doneOf(move.owner), ...late };
    case 'reveal':
      return { ...game.revealOf(move.owner, move.artifact, move.n), ...late };
    case 'admit':
      return { ...game.admissionOf(move.owner, move.rule, move.n), nowMs: move.rule === 'platform-fault' ? Math.max(nowMs, admissionDueAtMs(game.state)) : nowMs };
    case 'verdict': {
      const shares = [{ wallet: V, share: move.part, shareAlone: move.part }, { wallet: W, share: FP_ONE - move.part, shareAlone: FP_ONE - move.part }];
      return { ...game.verdictOf(submissionIdOf(move.owner, 1, move.n), move.score, { outcome: move.outcome, shares: move.outcome === 'counted' ? shares : [] }), ...late };
    }
    case 'wait':
      return { ...game.base, kind: game.state.phase === 'committing' ? ('close-commits' as const) : ('close-reveals' as const), ...late };
  }
}

/** Plays the moves, refused or not, then lets every deadline pass and every open question be answered. */
function play(moves: readonly Step[], earlyClose: boolean): EpochGame {
  const game = new EpochGame(opened({ carriedInUnits: 7n }, policyOf({ schedule: { earlyClose }, rules: { quotaPerEpoch: 2 } })));
  let nowMs = NOW;
  const attempt = (move: Step): void => {
    if (move.kind === 'wait') nowMs = game.state.phase === 'committing' ? game.state.commitDueAtMs : Math.max(nowMs, game.state.revealDueAtMs);
    const decided = epochDecider.decide(commandOf(game, move, nowMs), game.state);
    if (decided.ok) game.events.push(...decided.value);
  };
  moves.forEach(attempt);
  attempt({ kind: 'wait' });
  attempt({ kind: 'wait' });
  for (const one of OWNERS) for (const n of [0, 1]) attempt({ kind: 'admit', owner: one, rule: '', n });
  for (const one of OWNERS) for (const n of [0, 1]) attempt({ kind: 'verdict', owner: one, n, score: 5n, outcome: 'counted', part: FP_ONE / 4n });
  return game;
}

const stories = fc.tuple(fc.array(step, { maxLength: 40 }), fc.boolean());

describe('whatever happens in an epoch', () => {
  test('it closes, every submission has an end, and money balances', () => {
    fc.assert(
      fc.property(stories, ([moves, earlyClose]) => {
        const game = play(moves, earlyClose);
        expect(game.state.phase).toBe('closed');
        const closed = game.events.at(-1)!;
        if (closed.type !== 'skein.arena.epoch.closed.v1') throw new Error('the last event closes the epoch');
        const { data } = closed;
        expect(data.mintedUnits + data.carriedInUnits).toBe(data.paidUnits + data.lockedUnits + data.carriedOutUnits);
        expect(sum(data.rewards.map((one) => one.paidUnits + one.poolPaidUnits))).toBe(data.paidUnits);
        const standing = new Set(data.entries.map(({ submissionId }) => submissionId));
        for (const { submissionId, status } of game.state.submissions) expect(status === 'rejected' || status === 'superseded' || standing.has(submissionId)).toBe(true);
        expect(new Set(data.entries.map((one) => one.owner)).size).toBe(data.entries.length);
        expect(data.standings.map(({ rank }) => rank)).toEqual(data.standings.map((_, index) => index + 1));
      }),
      { numRuns: 300 },
    );
  });
  test('no node commits beyond its quota, and no bytes rank for two owners', () => {
    fc.assert(
      fc.property(stories, ([moves, earlyClose]) => {
        const game = play(moves, earlyClose);
        for (const one of OWNERS) expect(game.state.submissions.filter((submission) => submission.owner === one).length).toBeLessThanOrEqual(2);
        const bytes = game.state.requested.map(({ artifactSha256 }) => artifactSha256);
        expect(new Set(bytes).size).toBe(bytes.length);
      }),
      { numRuns: 300 },
    );
  });
  test('who reveals first changes nothing', () => {
    const order = fc.shuffledSubarray(OWNERS, { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.tuple(artifact, artifact, artifact), order, order, (artifacts, reveals, admissions) => {
        const game = new EpochGame();
        const artifactOf = new Map(OWNERS.map((one, index) => [one, artifacts[index]!]));
        for (const one of OWNERS) game.commit(one, artifactOf.get(one)!);
        for (const one of reveals) game.reveal(one, artifactOf.get(one)!);
        for (const one of admissions) game.admit(one);
        const firsts = OWNERS.filter((one, index) => artifacts.indexOf(artifactOf.get(one)!) === index);
        expect(game.state.requested.map((submission) => submission.owner)).toEqual(firsts);
      }),
    );
  });
});

test('the largest epoch that is allowed fits the limits of the event store', () => {
  const people = (role: 'node' | 'validator', from: number): Participant[] =>
    Array.from({ length: PARTICIPANTS_MAX }, (_, index) => ({ wallet: `eip155:31337:0x${String(from + index).padStart(40, '0')}`, role, ownUnits: 10n ** 26n + BigInt(index), delegatedUnits: 10n ** 26n, sigmaPpm: 999_999 }));
  const [nodes, validators] = [people('node', 1000), people('validator', 2000)];
  const entries: Entry[] = nodes.map(({ wallet }, index) => ({ submissionId: submissionIdOf(wallet, 0).replace(/^.{8}/, String(index).padStart(8, '0')), owner: wallet, artifactSha256: hash('1'), order: index + 1, boardScoreNano: 999_999_999n }));
  const participants = [...nodes, ...validators];
  const game = new EpochGame(opened({ participants, entries, mintedUnits: 309_157n * UNIT }));
  const base = { nowMs: NOW + 60_000, stakes: participants, known: [] };
  game.do({ ...base, kind: 'close-commits' });
  const shares = largestRemainder(FP_ONE, validators.map(() => 1n)).map((share, index) => ({ wallet: validators[index]!.wallet, share, shareAlone: share }));
  for (const [index, { submissionId }] of entries.entries()) game.do({ ...base, kind: 'record-verdict', verdict: { submissionId, outcome: 'counted', rule: '', scoreNano: 999_999_000n + BigInt(index), shares } });
  expect(game.state.phase).toBe('closed');
  for (const { type, data } of game.events) expect(JSON.stringify(encodePayload(data)).length, type).toBeLessThan(65_536);
  expect(EVERYBODY).toHaveLength(5);
});
