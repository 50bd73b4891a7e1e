import { specOf } from '@skein/testing';
import { describe, expect, test } from 'vitest';
import { A, B, CREATOR, EVERYBODY, NODES, NOW, Stream, TASK_ID, UNIT, VALIDATORS, hash, policyOf } from '../../../test/domain.fixtures.js';
import type { TaskCommand } from './task.commands.js';
import { taskDecider } from './task.decider.js';
import type { TaskEvent } from './task.events.js';
import type { TaskPolicy } from './task.policy.js';

const REQUEST = '00000000-0000-4000-8000-000000000001';
const propose = (policy: TaskPolicy = policyOf()): TaskCommand => ({ kind: 'propose', taskId: TASK_ID, requestId: REQUEST, creator: CREATOR, policy, nowMs: NOW });
const consider = (participants = EVERYBODY, over: Partial<Extract<TaskCommand, { kind: 'consider-start' }>> = {}): TaskCommand => ({ kind: 'consider-start', participants, byOperator: false, nowMs: NOW + 1, ...over });
const record = (epoch: number, over: object = {}): TaskCommand => ({
  kind: 'record-epoch', epoch, lockedUnits: 10n, carriedOutUnits: 3n, stakes: EVERYBODY, entries: [{ submissionId: hash('1'), owner: A, artifactSha256: hash('1'), order: 1 }], commits: 2, quotaCredits: [], nowMs: NOW + 2, ...over,
});
const open = (policy = policyOf()) => {
  const task = new Stream(taskDecider);
  task.do(propose(policy));
  task.do({ kind: 'approve', nowMs: NOW });
  return task;
};
const training = (policy = policyOf()) => {
  const task = open(policy);
  task.do(consider());
  return task;
};

describe('draft to open', () => {
  test('approval freezes the parameters under a version', () => {
    const proposed: TaskEvent = { type: 'skein.arena.task.proposed.v1', data: { taskId: TASK_ID, requestId: REQUEST, creator: CREATOR, policy: policyOf(), proposedAtMs: NOW } };
    specOf(taskDecider).given().when(propose()).then(proposed);
    specOf(taskDecider)
      .given(proposed)
      .when({ kind: 'approve', nowMs: NOW })
      .thenState((state, [event]) => {
        expect(state).toMatchObject({ status: 'open', policyVersion: 1, stakingDueAtMs: NOW + 600_000 });
        expect(event).toMatchObject({ data: { latestEndMs: NOW + (600 + 2 * 180 + 60 + 5) * 1000 } });
      });
    specOf(taskDecider).given(proposed).when(propose()).thenRejected({ code: 'already-exists' });
    specOf(taskDecider).given().when({ kind: 'approve', nowMs: NOW }).thenRejected({ code: 'not-found' });
  });
  test('an approval happens once', () => expect(open().refused({ kind: 'approve', nowMs: NOW })).toBe('task-not-draft'));
  test.each([
    ['rules.quorum', { rules: { quorum: 9 } }],
    ['rules.quota_per_epoch', { rules: { quotaPerEpoch: 6 } }],
    ['rules.gamma_ppm', { rules: { gammaPpm: 500_001 } }],
    ['rules.q_ppm', { rules: { qPpm: 0 } }],
    ['rules.ladder_u_ppm', { rules: { ladderUPpm: 1 } }],
    ['rules.board_step_nano', { rules: { boardStepNano: 0n } }],
    ['schedule.validators_expected', { schedule: { validatorsExpected: 1 } }],
    ['schedule.nodes_expected', { schedule: { validatorsExpected: 0 } }],
    ['schedule.nodes_expected', { schedule: { nodesExpected: 41 } }],
  ])('parameters that contradict each other or the bounds: %s', (field, over) => {
    specOf(taskDecider).given().when(propose(policyOf(over))).thenRejected({ code: 'invalid-argument', field });
  });
});

describe('open to training', () => {
  test('starts when everyone expected has staked', () => {
    const task = open();
    expect(task.do(consider([...VALIDATORS, NODES[0]!]))).toEqual([]);
    expect(task.do(consider())).toMatchObject([{ data: { reason: 'expected-reached', epochs: 2 } }]);
    expect(task.do(consider())).toEqual([]);
  });
  test('without expectations only the deadline or the operator starts it', () => {
    const task = open(policyOf({ schedule: { nodesExpected: 0, validatorsExpected: 0 } }));
    expect(task.do(consider())).toEqual([]);
    expect(task.refused(consider([NODES[0]!], { byOperator: true }))).toBe('too-few-participants');
    expect(task.do(consider(EVERYBODY, { byOperator: true }))).toMatchObject([{ data: { reason: 'operator' } }]);
    expect(task.refused(consider(EVERYBODY, { byOperator: true }))).toBe('task-not-open');
  });
  test('at the deadline it starts with whoever is enough, else it is cancelled', () => {
    const late = { nowMs: NOW + 600_000 };
    expect(open().do(consider([...VALIDATORS, NODES[0]!], late))).toMatchObject([{ data: { reason: 'deadline' } }]);
    expect(open().do(consider(VALIDATORS, late))).toMatchObject([{ type: 'skein.arena.task.cancelled.v1', data: { by: 'platform' } }]);
  });
});

describe('training to finished', () => {
  test('epochs are recorded in order, each once; the last one opens the final validation', () => {
    const task = training();
    expect(task.do(record(2))).toEqual([]);
    expect(task.do(record(1))).toMatchObject([{ data: { nextEpoch: 2, nextEpochAtMs: NOW + 2 } }]);
    expect(task.do(record(1))).toEqual([]);
    task.do(record(2));
    expect(task.state).toMatchObject({ status: 'final-validation', lockedUnits: 20n, carriedUnits: 3n, commits: 4, entries: [{ owner: A }] });
    expect(task.state.stakes.sums[A]).toMatchObject({ ownUnits: 6000n * UNIT });
    expect(task.state.stakes.last).toHaveLength(5);
  });
  test('without early close epochs begin with their UTC day, whatever its length', () => {
    const task = training(policyOf({ schedule: { earlyClose: false, epochSeconds: 86_400 } }));
    const midnight = Math.ceil(NOW / 86_400_000) * 86_400_000;
    expect(task.events.at(-1)).toMatchObject({ data: { startedAtMs: NOW + 1, firstEpochAtMs: midnight } });
    expect(task.do(record(1))).toMatchObject([{ data: { nextEpochAtMs: midnight + 86_400_000 } }]);
  });
  test('the challenge runs its time, then vesting starts', () => {
    const task = training();
    task.do(record(1));
    task.do(record(2));
    const ranking = [{ rank: 1, owner: A, submissionId: hash('1'), artifactSha256: hash('1'), scoreNano: 5n }];
    const rewards = [{ wallet: A, rank: 1, lockedUnits: 20n, poolLockedUnits: 0n }];
    const begin: TaskCommand = { kind: 'begin-challenge', ranking, rewards, lockedUnits: 20n, carriedUnits: 0n, winnerValidators: [], nowMs: NOW + 10 };
    task.do(begin);
    expect(task.do(begin)).toEqual([]);
    expect(task.do({ kind: 'finish', nowMs: NOW + 5_009 })).toEqual([]);
    expect(task.do({ kind: 'finish', nowMs: NOW + 5_010 })).toMatchObject([{ data: { vestingStartMs: NOW + 5_010, vestingDurationMs: 10_000, rewards } }]);
    expect(task.do({ kind: 'finish', nowMs: NOW + 6_000 })).toEqual([]);
    expect(task.state.status).toBe('finished');
  });
});

describe('cancelling', () => {
  const by = (wallet: string): TaskCommand => ({ kind: 'cancel', by: { kind: 'wallet', wallet }, reason: 'over', nowMs: NOW });
  const byOperator: TaskCommand = { kind: 'cancel', by: { kind: 'operator' }, reason: 'over', nowMs: NOW };
  test('the creator a draft, the operator until the final validation; what was locked is carried over', () => {
    const draft = new Stream(taskDecider);
    draft.do(propose());
    expect(draft.refused(by(B))).toBe('not-the-creator');
    draft.do(by(CREATOR));
    expect(draft.state.status).toBe('cancelled');
    expect(open().refused(by(CREATOR))).toBe('task-not-draft');
    const task = training();
    task.do(record(1));
    expect(task.do(byOperator)).toMatchObject([{ data: { by: 'operator', carriedUnits: 13n, epoch: 2 } }]);
    const final = training();
    final.do(record(1));
    final.do(record(2));
    expect(final.refused(byOperator)).toBe('task-past-training');
    expect(new Stream(taskDecider).refused(byOperator)).toBe('task-not-found');
  });
});
