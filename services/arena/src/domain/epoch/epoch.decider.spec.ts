import { describe, expect, test } from 'vitest';
import { A, B, C, EVERYBODY, EpochGame, NOW, TASK_ID, V, hash, opened, policyOf, submissionIdOf } from '../../../test/domain.fixtures.js';
import { admissionDueAtMs } from './epoch.decider.js';
import { scoringIdOf } from './judge.policy.js';

const base = { nowMs: NOW + 1000, stakes: EVERYBODY, known: [] };
const patient = () => new EpochGame(opened({}, policyOf({ schedule: { earlyClose: false } })));

describe('commit window', () => {
  test('takes commits of staked nodes in order and closes when all have acted', () => {
    const game = new EpochGame();
    expect(game.commit(A, 'a')).toMatchObject([{ data: { order: 1, owner: A } }]);
    game.do(game.doneOf(B));
    expect(game.commit(C, 'c').map(({ type }) => type)).toEqual(['skein.arena.submission.committed.v1', 'skein.arena.epoch.commits-closed.v1']);
    expect(game.state.phase).toBe('revealing');
    expect(game.state.revealDueAtMs).toBe(NOW + 61_000);
  });
  test('without early close it stays open until its deadline', () => {
    const game = patient();
    for (const node of [A, B, C]) game.do(game.doneOf(node));
    expect(game.state.phase).toBe('committing');
    expect(game.do({ ...base, kind: 'close-commits' })).toEqual([]);
    game.do({ ...base, kind: 'close-commits', nowMs: NOW + 60_000 });
    expect(game.types().slice(-3)).toEqual(['epoch.commits-closed', 'epoch.reveals-closed', 'epoch.closed']);
  });
  test('a deadline that passed while the platform was away runs once more', () => {
    const game = patient();
    game.commit(A, 'a');
    const [extended] = game.do({ ...base, kind: 'close-commits', nowMs: NOW + 75_000 });
    expect(extended).toMatchObject({ type: 'skein.arena.epoch.window-extended.v1', data: { window: 'commit', dueAtMs: NOW + 135_000 } });
    expect(game.do({ ...game.commitOf(B, 'b'), nowMs: NOW + 134_999 })).toHaveLength(1);
    game.do({ ...base, kind: 'close-commits', nowMs: NOW + 135_001 });
    expect(game.state.phase).toBe('revealing');
    expect(game.do({ ...base, kind: 'close-reveals', nowMs: NOW + 300_000 })).toMatchObject([{ data: { window: 'reveal', dueAtMs: NOW + 360_000 } }]);
    expect(game.state.submissions.map(({ status }) => status)).toEqual(['committed', 'committed']);
  });
  test('refusals', () => {
    const game = patient();
    game.commit(A, 'a');
    expect(game.refused(game.commitOf(A, 'a'))).toBe('duplicate-commit');
    expect(game.refused(game.commitOf(A, 'b', 1))).toBe('quota');
    expect(game.refused(game.commitOf(V, 'b'))).toBe('not-a-staked-node');
    expect(game.refused({ ...game.commitOf(B, 'b'), epoch: 2 } as never)).toBe('epoch-not-running');
    expect(game.refused({ ...game.commitOf(B, 'b'), nowMs: NOW + 60_000 })).toBe('commit-window-closed');
    game.do(game.doneOf(B));
    expect(game.refused(game.commitOf(B, 'b'))).toBe('already-done');
    expect(game.do(game.doneOf(B))).toEqual([]);
    expect(game.refused(game.doneOf(V))).toBe('not-a-staked-node');
  });
  test('spoiled commits come back as quota', () => {
    const game = new EpochGame(opened({ quotaCredits: [{ wallet: A, count: 1 }] }));
    game.commit(A, 'a');
    game.commit(A, 'b', 1);
    expect(game.refused(game.commitOf(A, 'c', 2))).toBe('quota');
  });
  test('an epoch that is not open takes nothing; opening twice is once', () => {
    const game = new EpochGame();
    expect(game.do({ ...base, kind: 'open', ...opened().data })).toEqual([]);
    const empty = new EpochGame();
    empty.events.pop();
    expect(empty.refused({ ...base, kind: 'close-commits' })).toBe('epoch-not-open');
  });
});

describe('reveal window', () => {
  const committed = () => {
    const game = new EpochGame();
    game.commit(A, 'a');
    game.commit(B, 'b');
    game.commit(C, 'c');
    return game;
  };
  test('a reveal must match its commit, and changes nothing where it does not', () => {
    const game = committed();
    const before = game.events.length;
    expect(game.refused({ ...game.revealOf(A, 'a'), salt: hash('6') } as never)).toBe('commit-mismatch');
    expect(game.refused(game.revealOf(A, 'b'))).toBe('commit-mismatch');
    expect(game.refused({ ...game.revealOf(A, 'a'), owner: B } as never)).toBe('submission-not-found');
    expect(game.events).toHaveLength(before);
    game.reveal(A, 'a');
    expect(game.refused(game.revealOf(A, 'a'))).toBe('already-revealed');
    expect(game.refused({ ...game.revealOf(B, 'b'), nowMs: NOW + 61_000 })).toBe('reveal-window-closed');
  });
  test('too early', () => {
    const game = new EpochGame();
    game.commit(A, 'a');
    expect(game.refused(game.revealOf(A, 'a'))).toBe('reveal-window-not-open');
  });
  test('closes with the last reveal and waits for admissions before it judges', () => {
    const game = committed();
    for (const [owner, artifact] of [[C, 'c'], [A, 'a'], [B, 'b']] as const) game.reveal(owner, artifact);
    expect(game.state).toMatchObject({ phase: 'revealing', revealsClosed: true });
    game.admit(A);
    game.admit(B, 'external-data');
    expect(game.state.phase).toBe('revealing');
    const [, requested] = game.admit(C);
    expect(requested).toMatchObject({ type: 'skein.arena.epoch.scoring-requested.v1', data: { scoringId: scoringIdOf(TASK_ID, 1), dataSetSha256: hash('8'), deadlineMs: NOW + 61_000 } });
    expect(game.state.requested.map(({ owner, order }) => [owner, order])).toEqual([[A, 1], [C, 3]]);
    expect(game.admit(C)).toEqual([]);
  });
  test('at the deadline what was not revealed is rejected', () => {
    const game = committed();
    game.reveal(A, 'a');
    game.admit(A);
    expect(game.do({ ...base, kind: 'close-reveals' })).toEqual([]);
    game.do({ ...base, kind: 'close-reveals', nowMs: NOW + 61_000 });
    expect(game.state.submissions.map(({ status }) => status)).toEqual(['admitted', 'rejected', 'rejected']);
    expect(game.state.requested.map(({ owner }) => owner)).toEqual([A]);
  });
});

describe('judging', () => {
  test('copies fall in commit order, whoever reveals and is admitted first', () => {
    const game = new EpochGame();
    game.commit(A, '9');
    game.commit(B, '9');
    game.commit(C, 'c');
    for (const [owner, artifact] of [[B, '9'], [C, 'c'], [A, '9']] as const) game.reveal(owner, artifact);
    for (const owner of [B, C, A]) game.admit(owner);
    expect(game.events.filter(({ type }) => type === 'skein.arena.submission.rejected.v1')).toMatchObject([{ data: { owner: B, rule: 'copy' } }]);
    expect(game.state.requested.map(({ owner }) => owner)).toEqual([A, C]);
  });
  test('bytes of an earlier epoch are known', () => {
    const game = new EpochGame(opened(), [{ sha256: hash('9'), owner: C }]);
    game.commit(A, '9');
    game.do(game.doneOf(B));
    game.commit(C, '9');
    for (const owner of [A, C]) game.reveal(owner, '9');
    for (const owner of [A, C]) game.admit(owner);
    expect(game.state.requested.map(({ owner }) => owner)).toEqual([C]);
  });
  test('the latest valid submission ranks and supersedes, a bad one does not', () => {
    const entry = { submissionId: submissionIdOf(A, 0), owner: A, artifactSha256: hash('1'), order: 1 };
    const standing = { submissionId: submissionIdOf(B, 0), owner: B, artifactSha256: hash('2'), order: 2 };
    const game = new EpochGame(opened({ entries: [entry, standing], orderBase: 2 }, policyOf({ rules: { quotaPerEpoch: 2 } })));
    game.commit(A, '3');
    game.commit(A, '4', 1);
    game.do(game.doneOf(B));
    game.do(game.doneOf(C));
    game.reveal(A, '3');
    game.reveal(A, '4', 1);
    game.admit(A);
    game.admit(A, 'finite-weights', 1);
    expect(game.events.filter(({ type }) => type === 'skein.arena.submission.superseded.v1')).toMatchObject([{ data: { submissionId: entry.submissionId, by: submissionIdOf(A) } }]);
    expect(game.state.requested.map(({ submissionId, order }) => [submissionId, order])).toEqual([[standing.submissionId, 2], [submissionIdOf(A), 3]]);
  });
  test('nobody ranks: the epoch closes at once and everything that can be is carried over', () => {
    const game = new EpochGame();
    for (const node of [A, B, C]) game.do(game.doneOf(node));
    const closed = game.events.at(-1)!;
    expect(closed).toMatchObject({ type: 'skein.arena.epoch.closed.v1', data: { paidUnits: 0n, lockedUnits: 0n, carriedOutUnits: 1000n * 10n ** 18n, standings: [] } });
  });
});

describe('scoring', () => {
  const scoring = (first = opened()) => {
    const game = new EpochGame(first);
    game.commit(A, 'a');
    game.commit(B, 'b');
    game.do(game.doneOf(C));
    for (const [owner, artifact] of [[A, 'a'], [B, 'b']] as const) game.reveal(owner, artifact);
    for (const owner of [A, B]) game.admit(owner);
    return game;
  };
  test('closes with the last verdict, ranks by score, pays and records every number', () => {
    const game = scoring();
    expect(game.do(game.verdictOf(submissionIdOf(A), 700_000_000n))).toHaveLength(1);
    expect(game.do(game.verdictOf(submissionIdOf(A), 900_000_000n))).toEqual([]);
    const [scored, closed] = game.do(game.verdictOf(submissionIdOf(B), 777_000_000n));
    expect(scored).toMatchObject({ data: { scoreNano: 777_000_000n, boardScoreNano: 770_000_000n } });
    expect(closed).toMatchObject({
      type: 'skein.arena.epoch.closed.v1',
      data: {
        standings: [{ rank: 1, owner: B }, { rank: 2, owner: A }],
        entries: [{ owner: A, order: 1, boardScoreNano: 700_000_000n }, { owner: B, order: 2, boardScoreNano: 770_000_000n }],
        commits: 2,
        validators: [{ counted: 2 }, { counted: 2 }],
        carriedOutUnits: 0n,
      },
    });
    expect(game.state.phase).toBe('closed');
    expect(game.do(game.verdictOf(submissionIdOf(B), 1n))).toEqual([]);
  });
  test('a tie goes to the earlier commit', () => {
    const game = scoring();
    game.do(game.verdictOf(submissionIdOf(B), 700_000_000n));
    const [, closed] = game.do(game.verdictOf(submissionIdOf(A), 700_000_000n));
    expect(closed).toMatchObject({ data: { standings: [{ owner: A }, { owner: B }] } });
  });
  test('a model that fails is rejected by its rule and no longer stands', () => {
    const game = scoring();
    game.do(game.verdictOf(submissionIdOf(A), 0n, { outcome: 'failed', rule: 'runner-memory', shares: [] }));
    const [, closed] = game.do(game.verdictOf(submissionIdOf(B), 5n));
    expect(closed).toMatchObject({ data: { standings: [{ owner: B }], entries: [{ owner: B }] } });
    expect(game.state.submissions[0]).toMatchObject({ status: 'rejected' });
  });
  test('too few validators: no rank in this epoch, but the submission stands', () => {
    const game = scoring();
    game.do(game.verdictOf(submissionIdOf(A), 0n, { outcome: 'uncounted', shares: [] }));
    const [, closed] = game.do(game.verdictOf(submissionIdOf(B), 5n));
    expect(closed).toMatchObject({ data: { standings: [{ owner: B }], entries: [{ owner: A }, { owner: B }] } });
  });
  test('shares must be of the epoch’s validators and sum to one', () => {
    const game = scoring();
    const [first, second] = [{ wallet: V, share: 10n ** 18n, shareAlone: 10n ** 18n }, { wallet: A, share: 0n, shareAlone: 0n }];
    expect(game.refused(game.verdictOf(submissionIdOf(A), 5n, { shares: [first, second] }))).toBe('verdict-shares');
    expect(game.refused(game.verdictOf(submissionIdOf(A), 5n, { shares: [{ ...first, share: 1n }] }))).toBe('verdict-shares');
    expect(game.refused(game.verdictOf(submissionIdOf(A), 5n, { shares: [] }))).toBe('verdict-shares');
  });
  test('stakes at the end weigh, of those who took part from the beginning', () => {
    const game = scoring();
    game.do(game.verdictOf(submissionIdOf(A), 5n));
    const late = { ...EVERYBODY[0]!, wallet: 'eip155:31337:0x' + '7'.repeat(40) };
    const gone = EVERYBODY.filter(({ wallet }) => wallet !== C);
    const [, closed] = game.do({ ...game.verdictOf(submissionIdOf(B), 5n), stakes: [...gone, late] });
    expect(closed).toMatchObject({ type: 'skein.arena.epoch.closed.v1' });
    const stakes = closed?.type === 'skein.arena.epoch.closed.v1' ? closed.data.stakes : [];
    expect(stakes.map(({ wallet }) => wallet).sort()).toEqual(gone.map(({ wallet }) => wallet).sort());
  });
  test('what the platform fails to read stays open until the window has passed once more; read by then, it is admitted', () => {
    const game = new EpochGame();
    game.commit(A, 'a');
    game.commit(B, 'b');
    game.do(game.doneOf(C));
    for (const [owner, artifact] of [[A, 'a'], [B, 'b']] as const) game.reveal(owner, artifact);
    const fault = (owner: string, nowMs: number) => ({ ...game.admissionOf(owner, 'platform-fault'), nowMs });
    expect(admissionDueAtMs(game.state)).toBe(NOW + 121_000);
    for (const nowMs of [NOW + 1000, NOW + 61_000, NOW + 120_999]) expect(game.refused(fault(A, nowMs))).toBe('admission-open');
    expect(game.do({ ...game.admissionOf(A), nowMs: NOW + 500_000 })).toMatchObject([{ type: 'skein.arena.submission.admitted.v1' }]);
    expect(game.do(fault(B, NOW + 121_000))[0]).toMatchObject({ type: 'skein.arena.submission.rejected.v1', data: { owner: B, platformFault: true } });
    expect(game.state).toMatchObject({ phase: 'scoring', requested: [{ owner: A }] });
  });
  test('what the platform spoiled is owed', () => {
    const game = new EpochGame();
    game.commit(A, 'a');
    game.do(game.doneOf(B));
    game.do(game.doneOf(C));
    game.reveal(A, 'a');
    game.do({ ...game.admissionOf(A, 'platform-fault'), nowMs: admissionDueAtMs(game.state) });
    expect(game.events.at(-1)).toMatchObject({ data: { quotaCredits: [{ wallet: A, count: 1 }] } });
  });
  test('a cancelled epoch takes nothing more', () => {
    const game = scoring();
    game.do({ ...base, kind: 'cancel' });
    expect(game.do({ ...base, kind: 'cancel' })).toEqual([]);
    expect(game.do(game.verdictOf(submissionIdOf(A), 5n))).toEqual([]);
  });
});
