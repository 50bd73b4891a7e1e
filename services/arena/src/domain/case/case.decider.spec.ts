import { arenaCaseId } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { A, B, NOW, Stream, TASK_ID, UNIT, hash, participant } from '../../../test/domain.fixtures.js';
import type { CaseCommand, OpenCase } from './case.commands.js';
import { caseDecider } from './case.decider.js';
import type { CaseOutcome } from './case.events.js';

const DAY = 86_400;
const accusation = { taskId: TASK_ID, role: 'node', wallet: A, evidenceSha256: hash('e') } as const;
const facts = { ...accusation, caseId: arenaCaseId(accusation), reporter: B, rule: 'proven-copy' };
const staker = { ...participant('a', 'node', 2_000n), delegatedUnits: 4_000n * UNIT };
const opening: OpenCase = { kind: 'open', facts, task: { policyVersion: 1, appealSeconds: 7 * DAY }, staker, nowMs: NOW };
const DUE = NOW + 7 * DAY * 1000;
const CAP = 600n * UNIT;
const slashed: CaseOutcome = { outcome: 'slashed', fromOwnerUnits: 200n * UNIT, fromPoolUnits: 400n * UNIT, toReporterUnits: 60n * UNIT, blockNumber: 9 };
const dismissed: CaseOutcome = { outcome: 'dismissed', fromOwnerUnits: 0n, fromPoolUnits: 0n, toReporterUnits: 0n, blockNumber: 9 };
const appeal: CaseCommand = { kind: 'appeal', wallet: A, reason: 'it is mine', nowMs: NOW + 1 };
const close: CaseCommand = { kind: 'close-appeal', nowMs: DUE };
const dismiss: CaseCommand = { kind: 'dismiss', reason: 'not a copy', nowMs: NOW + 2 };

function after(...commands: readonly CaseCommand[]) {
  const one = new Stream(caseDecider);
  for (const command of [opening, ...commands]) one.do(command);
  return one;
}

describe('a case is opened', () => {
  test('with a cap of a tenth of the stake that counts, floored, delegation up to three times one’s own', () => {
    expect(after().state).toMatchObject({ status: 'open', facts, capUnits: CAP, appealDueAtMs: DUE });
    const much = new Stream(caseDecider);
    much.do({ ...opening, staker: { ownUnits: 19n, delegatedUnits: 10n ** 30n } });
    expect(much.state.capUnits).toBe(7n);
  });

  test('once per accusation; said otherwise it is refused', () => {
    const one = after();
    expect(one.do({ ...opening, staker: undefined, task: undefined })).toEqual([]);
    expect(one.refused({ ...opening, facts: { ...facts, rule: 'silence' } })).toBe('case-opened-otherwise');
    expect(one.refused({ ...opening, facts: { ...facts, reporter: '' } })).toBe('case-opened-otherwise');
  });

  test.each<[string, Partial<OpenCase>]>([
    ['task-not-found', { task: undefined }],
    ['reporter-is-accused', { facts: { ...facts, reporter: A } }],
    ['nothing-staked', { staker: undefined }],
    ['nothing-staked', { staker: { ownUnits: 9n, delegatedUnits: 0n } }],
  ])('or is refused: %s', (rule, change) => {
    const one = new Stream(caseDecider);
    expect(one.refused({ ...opening, ...change })).toBe(rule);
    expect(one.events).toEqual([]);
  });
});

describe('the time to appeal', () => {
  test('ends with the decision, not a millisecond earlier, and once', () => {
    const one = after();
    expect(one.do({ kind: 'close-appeal', nowMs: DUE - 1 })).toEqual([]);
    expect(one.do(close)).toEqual([{ type: 'skein.arena.case.decided.v1', data: { ...facts, units: CAP, reason: '', decidedAtMs: DUE } }]);
    expect(one.do(close)).toEqual([]);
    expect(one.refused(appeal)).toBe('case-not-open');
  });

  test('is for the accused alone, and while it lasts', () => {
    expect(after().refused({ ...appeal, wallet: B })).toBe('not-the-accused');
    expect(after().refused({ ...appeal, nowMs: DUE })).toBe('appeal-over');
    expect(after(appeal).refused(appeal)).toBe('case-not-open');
  });

  test('after an appeal nothing is decided before it has been ruled on', () => {
    const one = after(appeal);
    expect(one.do(close)).toEqual([]);
    one.do({ kind: 'reject-appeal', reason: 'scored again: a copy', nowMs: DUE });
    expect(one.state).toMatchObject({ status: 'decided', units: CAP, reason: 'scored again: a copy' });
    expect(after().refused({ kind: 'reject-appeal', reason: 'x', nowMs: NOW })).toBe('case-not-appealed');
  });
});

test.each<[string, CaseCommand[], boolean]>([['open', [], false], ['appealed', [appeal], false], ['decided', [close], true]])(
  'an %s case may be dismissed, once; whether it had been decided is said',
  (_status, before, decided) => {
    const one = after(...before);
    expect(one.do(dismiss)).toEqual([{ type: 'skein.arena.case.dismissed.v1', data: { ...facts, reason: 'not a copy', decided, dismissedAtMs: NOW + 2 } }]);
    expect(one.refused(dismiss)).toBe('case-ended');
    expect(one.do(close)).toEqual([]);
  },
);

test.each<[CaseCommand[], CaseOutcome, string]>([
  [[close], slashed, ''],
  [[dismiss], dismissed, ''],
  [[dismiss], slashed, 'slashed-after-dismissal'],
  [[close], dismissed, 'dismissed-after-decision'],
  [[], slashed, 'not-decided'],
  [[appeal], dismissed, 'not-decided'],
])('a final block ends it once, as it does; how it differs is said (%#)', (before, outcome, disagreement) => {
  const one = after(...before);
  expect(one.do({ kind: 'finalise', outcome })).toEqual([{ type: 'skein.arena.case.finalised.v1', data: { ...facts, ...outcome, disagreement } }]);
  expect(one.do({ kind: 'finalise', outcome })).toEqual([]);
  expect(one.refused(dismiss)).toBe('case-ended');
});

test('of a case that was not opened here nothing follows, and nothing can be asked of it', () => {
  const one = new Stream(caseDecider);
  expect(one.do({ kind: 'finalise', outcome: slashed })).toEqual([]);
  for (const command of [appeal, close, dismiss]) expect(one.refused(command)).toBe('case-not-found');
});
