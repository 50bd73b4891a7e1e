import { federationCaseId } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { federationDecider } from '../src/domain/federation/federation.decider.js';
import type { FederationCommand } from '../src/domain/federation/federation.commands.js';
import { drawRoles } from '../src/domain/federation/roles.policy.js';
import { hashOf, manifestWith, propose, SECONDS, Story, TASK_ID, UNIT, wallet } from './story.js';

const NODES = ['a', 'b', 'c', 'd', 'e', 'f'].map(wallet);
const STAKES = Object.fromEntries(NODES.map((node) => [node, 50n * UNIT]));
const POOL = 1_000n * UNIT;

const joined = (change = {}) => new Story().start(manifestWith(change), POOL, STAKES);
const opened = (change = {}) => joined(change).open(STAKES);
const roles = (story: Story) => ({
  proposers: story.state.round!.proposers.map(({ node }) => node),
  voters: story.state.round!.voters.map(({ node }) => node),
});

function contributed(change = {}): Story {
  const story = opened(change);
  for (const node of roles(story).proposers) story.contribute(node);
  return story;
}

function voted(scores: readonly (1 | -1)[], change = {}, robust: Record<string, number> = {}): Story {
  const story = contributed(change).aggregate(robust);
  const { voters } = roles(story);
  voters.forEach((node, i) => story.commit(node, scores[i]!));
  voters.forEach((node, i) => story.reveal(node, scores[i]!));
  return story;
}

const types = (story: Story, from = 0) => story.events.slice(from).map(({ type }) => type.split('.').slice(2, 4).join('.'));

describe('membership', () => {
  test('proposed, approved, joined by the last node that fits: joining closes itself', () => {
    expect(types(joined())).toEqual(['task.proposed', 'task.approved', ...NODES.map(() => 'node.joined'), 'joining.closed']);
  });

  test.each<[string, FederationCommand, string]>([
    ['an unknown task cannot be approved', { kind: 'approve', pool: 1n, nowMs: 0 }, 'task-unknown'],
    ['an unknown task cannot be joined', { kind: 'join', node: NODES[0]!, stake: UNIT, finalCases: [] }, 'task-unknown'],
  ])('%s', (_, command, rule) => {
    expect(new Story().refusal(command)).toBe(rule);
  });

  test('a node needs the stake, joins once, and not beyond the maximum', () => {
    const story = new Story().start(manifestWith({ participantsMax: 2 }), POOL, {});
    expect(story.refusal({ kind: 'join', node: NODES[0]!, stake: 50n * UNIT - 1n, finalCases: [] })).toBe('stake-below-threshold');
    story.give({ kind: 'join', node: NODES[0]!, stake: 50n * UNIT, finalCases: [] });
    expect(story.refusal({ kind: 'join', node: NODES[0]!, stake: 50n * UNIT, finalCases: [] })).toBe('already-joined');
    story.give({ kind: 'join', node: NODES[1]!, stake: 50n * UNIT, finalCases: [] });
    expect(story.refusal({ kind: 'join', node: NODES[2]!, stake: 50n * UNIT, finalCases: [] })).toBe('task-full');
  });

  test('a task is approved once, with a pool above zero', () => {
    const story = new Story();
    story.give(propose(manifestWith()));
    expect(story.refusal({ kind: 'approve', pool: 0n, nowMs: 0 })).toBe('positive');
    story.give({ kind: 'approve', pool: 1n, nowMs: 0 });
    expect(story.refusal({ kind: 'approve', pool: 1n, nowMs: 0 })).toBe('task-not-proposed');
    expect(story.refusal(propose(manifestWith()))).toBe('task-exists');
  });

  test('joining goes on until its deadline; with too few the round is void and joining begins again', () => {
    const story = new Story().start(manifestWith(), POOL, { [NODES[0]!]: 50n * UNIT });
    const close: FederationCommand = { kind: 'close-phase', round: 1, phase: 'joining', nowMs: story.nowMs };
    expect(story.refusal(close)).toBe('deadline-not-reached');
    story.give({ ...close, nowMs: story.nowMs + 30 * SECONDS });
    expect(types(story).slice(-2)).toEqual(['round.voided', 'reward.carried']);
    expect(story.state).toMatchObject({ phase: 'joining', roundsDone: 1, joiningDueAtMs: story.nowMs + 60 * SECONDS });
    expect(story.give({ ...close, nowMs: story.nowMs + 60 * SECONDS })).toEqual([]);
  });

  test('void rounds count: the task ends after the last', () => {
    const story = new Story().start(manifestWith({ rounds: 2 }), POOL, {});
    for (const round of [1, 2]) story.give({ kind: 'close-phase', round, phase: 'joining', nowMs: story.state.joiningDueAtMs });
    expect(story.state).toMatchObject({ phase: 'finished', roundsDone: 2, pool: { granted: POOL, left: POOL } });
  });
});

describe('the draw', () => {
  test('half propose, the rest vote; everyone can repeat it', () => {
    const story = opened();
    const { proposers, voters } = roles(story);
    expect([proposers.length, voters.length]).toEqual([3, 3]);
    expect([...proposers, ...voters].sort()).toEqual([...NODES].sort());
    expect(drawRoles([...NODES].reverse(), hashOf('beacon-0'), 500_000)).toEqual({ proposers, voters });
  });

  test('five nodes: three propose and two vote; two nodes: one and one', () => {
    expect(drawRoles(NODES.slice(0, 5), hashOf('x'), 500_000)).toMatchObject({ proposers: { length: 3 }, voters: { length: 2 } });
    expect(drawRoles(NODES.slice(0, 2), hashOf('x'), 999_999)).toMatchObject({ proposers: { length: 1 }, voters: { length: 1 } });
  });

  test('whoever has fallen below the threshold on the chain is excluded before the draw', () => {
    const story = joined().open({ ...STAKES, [NODES[2]!]: UNIT });
    expect(story.state.members[NODES[2]!]).toMatchObject({ out: true });
    expect(Object.values(roles(story)).flat()).not.toContain(NODES[2]);
  });

  test('a second open of the same round does nothing', () => {
    const story = opened();
    const command: FederationCommand = { kind: 'open-round', round: 1, stakes: STAKES, finalCases: [], beacon: { kind: 'seeded', value: hashOf('b') }, nowMs: 0 };
    expect(story.give(command)).toEqual([]);
  });
});

describe('contributions', () => {
  const valid = (story: Story): FederationCommand & { kind: 'contribute' } => ({
    kind: 'contribute', round: 1, node: roles(story).proposers[0]!, sha256: hashOf('u'), examples: 10, norm: 1, nowMs: story.nowMs,
  });

  test.each<[string, (story: Story) => object]>([
    ['wrong-round', () => ({ round: 2 })],
    ['not-drawn', (story) => ({ node: roles(story).voters[0]! })],
    ['not-drawn', () => ({ node: wallet('stranger') })],
    ['late', (story) => ({ nowMs: story.nowMs + 30 * SECONDS })],
    ['sha256', () => ({ sha256: 'x' })],
    ['examples-positive', () => ({ examples: 0 })],
    ['examples-positive', () => ({ examples: -3 })],
    ['examples-positive', () => ({ examples: 1.5 })],
    ['examples-cap', () => ({ examples: 1_001 })],
    ['non-finite', () => ({ norm: Number.NaN })],
  ])('refused by %s', (rule, change) => {
    const story = opened();
    const before = story.state;
    expect(story.refusal({ ...valid(story), ...change(story) })).toBe(rule);
    expect(story.state).toBe(before);
  });

  test('a second one of the same node is refused, also with other bytes', () => {
    const story = opened();
    story.give(valid(story));
    expect(story.refusal({ ...valid(story), sha256: hashOf('other') })).toBe('duplicate-contribution');
  });

  test('after the phase closed it is refused, not mixed into the next', () => {
    const story = contributed();
    expect(story.refusal({ ...valid(story), round: 1 })).toBe('contributing-closed');
  });

  test('the last proposer closes the phase', () => {
    expect(types(contributed()).slice(-2)).toEqual(['contribution.accepted', 'contributing.closed']);
  });

  test('at the deadline the round goes on with whoever came; the late one is slashed when it settles', () => {
    const story = opened();
    const [first, second, late] = roles(story).proposers as [string, string, string];
    story.contribute(first).contribute(second);
    story.nowMs += 30 * SECONDS;
    story.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: story.nowMs });
    expect(story.state.round).toMatchObject({ phase: 'aggregating', late: [late] });
    story.aggregate();
    for (const node of roles(story).voters) story.commit(node, 1);
    for (const node of roles(story).voters) story.reveal(node, 1);
    expect(story.events.find(({ type }) => type.includes('settled'))).toMatchObject({
      data: { outcome: 'accepted', slashes: [{ node: late, units: 5n * UNIT, reason: 'late' }] },
    });
    expect(story.state.members[late]).toMatchObject({ out: true, slashed: 5n * UNIT });
  });

  test('nobody contributed: void, all proposers late, the reward rolls over', () => {
    const story = opened();
    story.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: story.nowMs + 30 * SECONDS });
    expect(types(story).slice(-6)).toEqual([
      'contributing.closed', 'round.voided', 'reward.carried', 'node.excluded', 'node.excluded', 'node.excluded',
    ]);
    expect(story.state).toMatchObject({ phase: 'roles', roundsDone: 1, pool: { slashed: 15n * UNIT, left: 1_015n * UNIT } });
  });
});

describe('after an outage of the platform', () => {
  const late = (phase: 'contributing' | 'committing' | 'revealing', nowMs: number): FederationCommand => ({ kind: 'close-phase', round: 1, phase, nowMs });

  test('a phase begins again with its whole length, and whoever was late may act', () => {
    const story = opened();
    story.nowMs += 30 * SECONDS + 15_001;
    story.give(late('contributing', story.nowMs));
    expect(types(story).slice(-1)).toEqual(['deadline.extended']);
    expect(story.state.round).toMatchObject({ phase: 'contributing', dueAtMs: story.nowMs + 30 * SECONDS, late: [] });
    for (const node of roles(story).proposers) story.contribute(node);
    story.aggregate().nowMs += 60 * SECONDS;
    story.give(late('committing', story.nowMs));
    for (const node of roles(story).voters) story.commit(node, 1);
    story.nowMs += 60 * SECONDS;
    story.give({ ...late('revealing', story.nowMs), caller: wallet('caller') } as FederationCommand);
    for (const node of roles(story).voters) story.reveal(node, 1);
    expect(story.state).toMatchObject({ modelSha256: hashOf('aggregate'), pool: { slashed: 0n } });
  });

  test('up to fifteen seconds late the deadline counts', () => {
    const story = opened();
    story.give(late('contributing', story.nowMs + 30 * SECONDS + 15_000));
    expect(story.state.pool.slashed).toBe(15n * UNIT);
  });

  test('joining too is extended instead of voiding a round', () => {
    const story = new Story().start(manifestWith(), POOL, {});
    story.give({ kind: 'close-phase', round: 1, phase: 'joining', nowMs: story.nowMs + 60 * SECONDS });
    expect(story.state).toMatchObject({ phase: 'joining', roundsDone: 0, joiningDueAtMs: story.nowMs + 90 * SECONDS });
  });
});

describe('voting', () => {
  test('all commit, then all reveal; the last reveal settles', () => {
    const story = voted([1, 1, 1]);
    expect(types(story).slice(-8)).toEqual([
      'vote.committed', 'vote.committed', 'vote.committed', 'revealing.opened', 'vote.revealed', 'vote.revealed', 'vote.revealed', 'round.settled',
    ]);
    expect(story.state).toMatchObject({ phase: 'roles', roundsDone: 1, modelSha256: hashOf('aggregate') });
  });

  test('voted down: the model stays, only the outlier is slashed and it is out', () => {
    const story = contributed();
    const [bad, ...honest] = roles(story).proposers as [string, string, string];
    story.aggregate({ [bad]: 24.5, [honest[0]!]: 1, [honest[1]!]: 14.9 });
    const { voters } = roles(story);
    for (const node of voters) story.commit(node, -1);
    for (const node of voters) story.reveal(node, -1);
    expect(story.state.modelSha256).toBe(hashOf('start'));
    expect(Object.entries(story.state.members).filter(([, { out }]) => out).map(([node]) => node)).toEqual([bad]);
    expect(story.state.pool).toMatchObject({ slashed: 5n * UNIT, callers: 0n });
  });

  test('an honest opinion in the minority is not slashed by default, but by the reference rule', () => {
    expect(voted([1, 1, -1]).state.pool.slashed).toBe(0n);
    const reference = voted([1, 1, -1], { slashing: 'reference' });
    expect(reference.state.pool.slashed).toBe(5n * UNIT);
  });

  test('a hash that nobody else computed is slashed; another model never wins on a hash without bytes', () => {
    const story = contributed().aggregate();
    const { voters } = roles(story);
    story.commit(voters[0]!, 1).commit(voters[1]!, 1).commit(voters[2]!, 1, hashOf('mine'));
    story.reveal(voters[0]!, 1);
    story.reveal(voters[1]!, 1);
    story.reveal(voters[2]!, 1, hashOf('mine'));
    expect(story.events.at(-2)).toMatchObject({ data: { outcome: 'accepted', slashes: [{ node: voters[2], reason: 'lone-hash' }] } });
    const disputed = contributed().aggregate();
    roles(disputed).voters.forEach((node) => disputed.commit(node, 1, hashOf('other')));
    roles(disputed).voters.forEach((node) => disputed.reveal(node, 1, hashOf('other')));
    expect(disputed.state).toMatchObject({ modelSha256: hashOf('start'), pool: { slashed: 0n, left: POOL } });
    expect(types(disputed).slice(-2)).toEqual(['round.settled', 'reward.carried']);
  });

  test('equal stake on both sides: the previous model stays, nobody is slashed, the reward rolls over', () => {
    const story = new Story().start(manifestWith({ participantsMax: 4 }), POOL, Object.fromEntries(NODES.slice(0, 4).map((n) => [n, 50n * UNIT])));
    story.open(STAKES);
    for (const node of roles(story).proposers) story.contribute(node);
    story.aggregate();
    const [yes, no] = roles(story).voters as [string, string];
    story.commit(yes, 1).commit(no, -1);
    story.reveal(yes, 1);
    story.reveal(no, -1);
    expect(story.events.at(-2)).toMatchObject({ data: { outcome: 'tied', slashes: [], payments: [], sum: 0n } });
    expect(story.state.pool.left).toBe(POOL);
  });

  test('a silent voter does not hold up the round and is slashed', () => {
    const story = contributed().aggregate();
    const [a, b, silent] = roles(story).voters as [string, string, string];
    story.commit(a, 1).commit(b, 1);
    const close = (phase: 'committing' | 'revealing', nowMs: number): FederationCommand => ({ kind: 'close-phase', round: 1, phase, nowMs });
    expect(story.refusal(close('committing', story.nowMs))).toBe('deadline-not-reached');
    story.give(close('committing', story.nowMs + 30 * SECONDS));
    story.reveal(a, 1);
    story.reveal(b, 1);
    expect(story.state.members[silent]).toMatchObject({ out: true, slashed: 5n * UNIT });
    expect(story.state.modelSha256).toBe(hashOf('aggregate'));
  });

  test('nobody voted: void, voters silent, a member that calls gets its tenth, and nobody else does', () => {
    const closedBy = (story: Story, caller: string): Story['state'] => {
      story.give({ kind: 'close-phase', round: 1, phase: 'committing', nowMs: story.nowMs + 30 * SECONDS, caller });
      return story.state;
    };
    const story = contributed().aggregate();
    const called = closedBy(story, roles(story).proposers[0]!);
    expect(called.pool).toEqual({ granted: POOL, slashed: 15n * UNIT, paid: 0n, callers: 15n * UNIT / 10n, left: POOL + 135n * UNIT / 10n });
    expect(called.gmLeft).toBe(135n * UNIT / 10n);
    const stranger = closedBy(contributed().aggregate(), wallet('stranger'));
    expect(stranger.pool).toEqual({ granted: POOL, slashed: 15n * UNIT, paid: 0n, callers: 0n, left: POOL + 15n * UNIT });
  });

  test('a slash is open until a final block has it, and is closed once', () => {
    const story = contributed().aggregate();
    story.give({ kind: 'close-phase', round: 1, phase: 'committing', nowMs: story.nowMs + 30 * SECONDS });
    const open = story.state.openSlashes;
    const [voter] = Object.values(open);
    const caseId = federationCaseId(TASK_ID, 1, voter!.node);
    expect(Object.keys(open)).toHaveLength(3);
    expect(open[caseId]).toEqual({ round: 1, node: voter!.node, units: 5n * UNIT });
    expect(story.give({ kind: 'finalise-slash', caseId })).toEqual([
      { type: 'skein.federation.slash.finalised.v1', data: { caseId, round: 1, node: voter!.node, units: 5n * UNIT } },
    ]);
    expect(Object.keys(story.state.openSlashes)).toHaveLength(2);
    expect(story.give({ kind: 'finalise-slash', caseId })).toEqual([]);
    expect(story.give({ kind: 'finalise-slash', caseId: federationCaseId(TASK_ID, 2, voter!.node) })).toEqual([]);
  });

  const sealed = () => {
    const story = contributed().aggregate();
    for (const node of roles(story).voters) story.commit(node, 1);
    return story;
  };
  const reveal = (story: Story): FederationCommand & { kind: 'reveal-vote' } => {
    const node = roles(story).voters[0]!;
    return { kind: 'reveal-vote', round: 1, node, score: 1, sha256: hashOf('aggregate'), salt: hashOf(`salt-${node}`), nowMs: story.nowMs };
  };

  test.each<[string, (story: Story) => object]>([
    ['reveal-mismatch', () => ({ score: -1 })],
    ['reveal-mismatch', () => ({ sha256: hashOf('x') })],
    ['reveal-mismatch', () => ({ salt: hashOf('x') })],
    ['score', () => ({ score: 0 })],
    ['score', () => ({ score: 2 })],
    ['sha256', () => ({ salt: 'zz' })],
    ['wrong-round', () => ({ round: 3 })],
    ['not-drawn', (story) => ({ node: roles(story).proposers[0]! })],
    ['late', (story) => ({ nowMs: story.nowMs + 30 * SECONDS })],
  ])('a reveal is refused by %s', (rule, change) => {
    const story = sealed();
    expect(story.refusal({ ...reveal(story), ...change(story) })).toBe(rule);
  });

  test('a vote is sealed once and revealed once', () => {
    const story = contributed().aggregate();
    const [node] = roles(story).voters as [string];
    story.commit(node, 1);
    const again: FederationCommand = { kind: 'commit-vote', round: 1, node, commit: hashOf('c'), nowMs: story.nowMs };
    expect(story.refusal(again)).toBe('duplicate-vote');
    const open = sealed();
    open.give(reveal(open));
    expect(open.refusal(reveal(open))).toBe('duplicate-vote');
    expect(opened().refusal(again)).toBe('wrong-phase');
  });
});

test('an aggregate is recorded once and only while it is waited for', () => {
  const story = contributed();
  const command: FederationCommand = { kind: 'record-aggregate', round: 1, sha256: hashOf('x'), scores: {}, nowMs: 0 };
  expect(story.refusal({ ...command, round: 2 })).toBe('not-aggregating');
  expect(story.refusal({ ...command, sha256: '' })).toBe('sha256');
  story.give(command);
  expect(story.refusal(command)).toBe('not-aggregating');
});

test('the model is exported once, with who contributed to accepted rounds', () => {
  const story = voted([1, 1, 1], { rounds: 1 });
  expect(story.state.phase).toBe('finished');
  story.give({ kind: 'record-export', sha256: hashOf('onnx') });
  expect(story.events.at(-1)).toMatchObject({ data: { modelSha256: hashOf('aggregate'), contributors: { length: 3 } } });
  expect(story.give({ kind: 'record-export', sha256: hashOf('other') })).toEqual([]);
});

test('deciding changes nothing by itself', () => {
  const story = opened();
  const before = structuredClone(story.state);
  federationDecider.decide({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: 9e15 }, story.state);
  expect(story.state).toEqual(before);
});
