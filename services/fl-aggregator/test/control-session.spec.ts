import { expect, test } from 'vitest';
import { CONTROL_TIMES, ControlSession } from '../src/interface/control-session.js';
import { hashOf, manifestWith, SECONDS, Story, TASK_ID, UNIT, wallet } from './story.js';

const NODES = ['a', 'b', 'c', 'd'].map(wallet);
const STAKES = Object.fromEntries(NODES.map((node) => [node, 50n * UNIT]));
const joined = (change = {}) => new Story().start(manifestWith({ participantsMax: 4, ...change }), UNIT, STAKES);
const proposers = (story: Story): string[] => story.state.round!.proposers.map(({ node }) => node);
const voters = (story: Story): string[] => story.state.round!.voters.map(({ node }) => node);

const cases = (session: ControlSession, story: Story, nowMs = 0): string[] =>
  session.next(story.state, nowMs).push.map(({ message }) => (message?.case === 'work' ? `work ${message.value.kind?.case}` : (message?.case ?? '')));

test('a proposer trains, a voter seals and opens; each is told once', () => {
  const story = joined();
  const [p] = proposers(story.open(STAKES)) as [string];
  const [v] = voters(story) as [string];
  const [proposer, voter] = [new ControlSession(TASK_ID, p), new ControlSession(TASK_ID, v)];
  expect([cases(proposer, story), cases(proposer, story), cases(voter, story)]).toEqual([['work train'], [], []]);
  for (const node of proposers(story)) story.contribute(node);
  expect([cases(proposer, story), cases(voter, story)]).toEqual([[], []]);
  story.aggregate({ [p]: 1.5 });
  const { push } = voter.next(story.state, 0);
  expect(push).toMatchObject([{ message: { value: { kind: { case: 'sealVote', value: { aggregateSha256: hashOf('aggregate'), contributions: { length: 2 } } } } } }]);
  for (const node of voters(story)) story.commit(node, 1);
  expect(cases(voter, story)).toEqual(['work openVote']);
  for (const node of voters(story)) story.reveal(node, 1);
  expect([cases(proposer, story), cases(voter, story)]).toEqual([['roundEnded'], ['roundEnded']]);
});

test('a lease without heartbeats is pushed again under the same id; a heartbeat prolongs it', () => {
  const story = joined().open(STAKES);
  const session = new ControlSession(TASK_ID, proposers(story)[0]!);
  const lease = (nowMs: number) => session.next(story.state, nowMs).push.map(({ message }) => (message?.case === 'work' ? message.value.leaseId : ''));
  const [first] = lease(0) as [string];
  session.heartbeat(first, 10_000);
  expect(lease(CONTROL_TIMES.leaseMs)).toEqual([]);
  session.heartbeat('another', 25_000);
  expect(lease(10_000 + CONTROL_TIMES.leaseMs)).toEqual([first]);
  expect(new ControlSession(TASK_ID, proposers(story)[0]!).next(story.state, 0).push).toMatchObject([{ message: { value: { leaseId: first } } }]);
});

test('an extended deadline is pushed again at once', () => {
  const story = joined().open(STAKES);
  const session = new ControlSession(TASK_ID, proposers(story)[0]!);
  session.next(story.state, 0);
  story.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: story.nowMs + 60 * SECONDS });
  expect(session.next(story.state, 0).push).toMatchObject([{ message: { case: 'work', value: { dueAtMs: BigInt(story.nowMs + 90 * SECONDS) } } }]);
});

test('work that is over without the node is cancelled', () => {
  const story = joined().open(STAKES);
  const [slow, quick] = proposers(story) as [string, string];
  const session = new ControlSession(TASK_ID, slow);
  session.next(story.state, 0);
  story.contribute(quick);
  story.nowMs += 30 * SECONDS;
  story.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: story.nowMs });
  expect(cases(session, story)).toEqual(['cancel']);
});

test('an excluded node is told and the stream ends; at the end of the task everyone else hears that', () => {
  const story = joined({ rounds: 1 }).open({ ...STAKES, [NODES[0]!]: 0n });
  expect(new ControlSession(TASK_ID, NODES[0]!).next(story.state, 0)).toMatchObject({ done: true, push: [{ message: { case: 'cancel', value: { reason: 'not-a-member' } } }] });
  story.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: story.nowMs + 30 * SECONDS });
  expect(new ControlSession(TASK_ID, voters(joined().open({ ...STAKES, [NODES[0]!]: 0n }))[0]!).next(story.state, 0)).toMatchObject({ done: true, push: [{ message: { case: 'finished' } }] });
});
