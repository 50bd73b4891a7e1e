import type { Effect, Recorded } from '@skein/events';
import { expect, test } from 'vitest';
import { DEADLINE, effectsOf, JOB } from '../src/application/effects.js';
import type { FederationEvent } from '../src/domain/index.js';
import { manifestWith, SECONDS, Story, TASK_ID, UNIT, wallet } from './story.js';

const NODES = ['a', 'b', 'c', 'd'].map(wallet);
const STAKES = Object.fromEntries(NODES.map((node) => [node, 50n * UNIT]));
const TIMER = `federation-deadline-${TASK_ID}`;

const recorded = (events: readonly FederationEvent[]): Recorded<FederationEvent>[] =>
  events.map((event, i) => ({
    ...event, streamId: `federation-${TASK_ID}`, version: i + 1, position: 0n, eventId: `event-${i}`, schemaVersion: 1,
    metadata: { correlationId: 'correlation', actor: 'test', traceparent: '00-1-2-01' }, recordedAtMs: 0,
  })) as Recorded<FederationEvent>[];

const brief = (effect: Effect): string =>
  'job' in effect ? `job ${effect.job.id}` : 'timer' in effect ? `timer ${(effect.timer.payload as { phase: string }).phase} ${effect.timer.dueAtMs}` : `cancel ${effect.cancelTimer.id}`;
const effects = (story: Story, from: number): Effect[] => effectsOf(recorded(story.events.slice(from)), story.state);

/** What the last step of a story asks for. */
function after(step: (story: Story) => void, story: Story): string[] {
  const from = story.events.length;
  step(story);
  return effects(story, from).map(brief);
}

const round = (): Story => new Story().start(manifestWith({ participantsMax: 4, rounds: 2 }), UNIT, STAKES).open(STAKES);
const proposers = (story: Story): string[] => story.state.round!.proposers.map(({ node }) => node);
const voters = (story: Story): string[] => story.state.round!.voters.map(({ node }) => node);

test('every phase has its deadline or its job, and the one before is replaced', () => {
  const story = new Story();
  const due = story.nowMs + 30 * SECONDS;
  story.start(manifestWith({ participantsMax: 4, rounds: 2 }), UNIT, {});
  expect(effects(story, 0).map(brief)).toEqual([`timer joining ${due}`]);
  expect(after((s) => NODES.forEach((node) => s.give({ kind: 'join', node, stake: 50n * UNIT, finalCases: [] })), story)).toEqual([`cancel ${TIMER}`, `job ${JOB.openRound}-${TASK_ID}-1`]);
  expect(after((s) => s.open(STAKES), story)).toEqual([`timer contributing ${due}`]);
  expect(after((s) => s.contribute(proposers(s)[0]!), story)).toEqual([]);
  expect(after((s) => s.contribute(proposers(s)[1]!), story)).toEqual([`cancel ${TIMER}`, `job ${JOB.aggregate}-${TASK_ID}-1`]);
  expect(after((s) => s.aggregate(), story)).toEqual([`timer committing ${due}`]);
  expect(after((s) => voters(s).forEach((node) => s.commit(node, 1)), story)).toEqual([`timer revealing ${due}`]);
  expect(after((s) => voters(s).forEach((node) => s.reveal(node, 1)), story)).toEqual([`cancel ${TIMER}`, `job ${JOB.openRound}-${TASK_ID}-2`]);
});

test('a void round opens the next, a joining that begins again has a new deadline, the end exports', () => {
  const story = round();
  story.nowMs += 30 * SECONDS;
  const close = (s: Story): unknown => s.give({ kind: 'close-phase', round: 1, phase: 'contributing', nowMs: s.nowMs });
  expect(after(close, story)).toEqual([`cancel ${TIMER}`, `job ${JOB.openRound}-${TASK_ID}-2`]);
  expect(after((s) => s.open({}), story)).toEqual([`cancel ${TIMER}`, `job ${JOB.exportModel}-${TASK_ID}-2`]);
  const lonely = new Story().start(manifestWith({ rounds: 2 }), UNIT, {});
  const again = after((s) => s.give({ kind: 'close-phase', round: 1, phase: 'joining', nowMs: s.state.joiningDueAtMs }), lonely);
  expect(again).toEqual([`timer joining ${lonely.nowMs + 60 * SECONDS}`]);
});

test('work carries the correlation, trace and id of the event that asked for it', () => {
  const story = round();
  const [timer] = effects(story, story.events.length - 1);
  expect(timer).toMatchObject({ timer: { kind: DEADLINE, payload: { taskId: TASK_ID, round: 1, cause: { correlationId: 'correlation', causationId: 'event-0', traceparent: '00-1-2-01' } } } });
});
