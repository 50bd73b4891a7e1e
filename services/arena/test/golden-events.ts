import { type DomainEvent, arenaCaseId } from '@skein/kernel';
import { caseDecider } from '../src/domain/case/case.decider.js';
import type { CaseEvent } from '../src/domain/case/case.events.js';
import { type EmissionAllocated, emissionDecider } from '../src/domain/emission/emission.decider.js';
import type { EpochClosed, EpochEvent } from '../src/domain/epoch/epoch.events.js';
import { finalDecider } from '../src/domain/final/final.decider.js';
import type { FinalConcluded, FinalEvent } from '../src/domain/final/final.events.js';
import { taskDecider } from '../src/domain/task/task.decider.js';
import type { TaskEvent } from '../src/domain/task/task.events.js';
import { A, B, C, CREATOR, EVERYBODY, EpochGame, NOW, Stream, TASK_ID, hash, opened, policyOf, submissionIdOf, verdict } from './domain.fixtures.js';

/** Every type ever written: the records make the compiler complain about one that is missing. */
const TASK_TYPES: Record<TaskEvent['type'], true> = {
  'skein.arena.task.proposed.v1': true,
  'skein.arena.task.approved.v1': true,
  'skein.arena.task.training-started.v1': true,
  'skein.arena.task.epoch-recorded.v1': true,
  'skein.arena.task.final-validation-started.v1': true,
  'skein.arena.task.challenge-started.v1': true,
  'skein.arena.task.finished.v1': true,
  'skein.arena.task.cancelled.v1': true,
};
const EPOCH_TYPES: Record<EpochEvent['type'], true> = {
  'skein.arena.epoch.opened.v1': true,
  'skein.arena.submission.committed.v1': true,
  'skein.arena.epoch.node-done.v1': true,
  'skein.arena.epoch.commits-closed.v1': true,
  'skein.arena.submission.revealed.v1': true,
  'skein.arena.submission.admitted.v1': true,
  'skein.arena.submission.rejected.v1': true,
  'skein.arena.epoch.window-extended.v1': true,
  'skein.arena.epoch.reveals-closed.v1': true,
  'skein.arena.submission.superseded.v1': true,
  'skein.arena.epoch.scoring-requested.v1': true,
  'skein.arena.submission.scored.v1': true,
  'skein.arena.epoch.closed.v1': true,
  'skein.arena.epoch.cancelled.v1': true,
};
const FINAL_TYPES: Record<FinalEvent['type'], true> = {
  'skein.arena.final.scoring-requested.v1': true,
  'skein.arena.final.scored.v1': true,
  'skein.arena.final.concluded.v1': true,
};

const CASE_TYPES: Record<CaseEvent['type'], true> = {
  'skein.arena.case.opened.v1': true,
  'skein.arena.case.appealed.v1': true,
  'skein.arena.case.decided.v1': true,
  'skein.arena.case.dismissed.v1': true,
  'skein.arena.case.finalised.v1': true,
};

export const TYPES: readonly string[] = [...Object.keys(TASK_TYPES), ...Object.keys(EPOCH_TYPES), ...Object.keys(FINAL_TYPES), ...Object.keys(CASE_TYPES), 'skein.arena.emission.allocated.v1'];

/** One epoch: a wins over c, b copies a. */
function epoch(): EpochGame {
  const game = new EpochGame(opened({ entries: [{ submissionId: submissionIdOf(C, 0), owner: C, artifactSha256: '0'.repeat(64), order: 1 }], orderBase: 1 }, policyOf({ rules: { quotaPerEpoch: 2 } })));
  game.commit(A, 'a');
  game.do(game.doneOf(A));
  game.commit(B, 'a');
  game.do(game.doneOf(B));
  game.commit(C, 'c');
  game.do(game.doneOf(C));
  for (const [owner, artifact] of [[B, 'a'], [A, 'a'], [C, 'c']] as const) game.reveal(owner, artifact);
  for (const owner of [A, B, C]) game.admit(owner);
  game.do(game.verdictOf(submissionIdOf(A), 777_000_000n));
  game.do(game.verdictOf(submissionIdOf(C), 700_000_000n));
  return game;
}

/** Appealed, decided all the same, dismissed too late: the chain has slashed. */
function slashCase(): Stream<ReturnType<typeof caseDecider.initialState>, never, CaseEvent> {
  const accusation = { taskId: TASK_ID, role: 'node', wallet: A, evidenceSha256: hash('e') } as const;
  const facts = { ...accusation, caseId: arenaCaseId(accusation), reporter: B, rule: 'proven-copy' };
  const stream = new Stream(caseDecider);
  stream.do({ kind: 'open', facts, task: { policyVersion: 1, appealSeconds: 60 }, staker: EVERYBODY.find(({ wallet }) => wallet === A), nowMs: NOW });
  stream.do({ kind: 'appeal', wallet: A, reason: 'it is mine', nowMs: NOW + 1 });
  stream.do({ kind: 'reject-appeal', reason: 'scored again: a copy', nowMs: NOW + 2 });
  stream.do({ kind: 'dismiss', reason: 'withdrawn', nowMs: NOW + 3 });
  const taken = { fromOwnerUnits: 200n, fromPoolUnits: 100n, toReporterUnits: 30n };
  stream.do({ kind: 'finalise', outcome: { outcome: 'slashed', ...taken, blockNumber: 9 } });
  return stream;
}

function played(closed: EpochClosed['data']) {
  const task = new Stream(taskDecider);
  task.do({ kind: 'propose', taskId: TASK_ID, requestId: '00000000-0000-4000-8000-000000000001', creator: CREATOR, policy: policyOf({ schedule: { epochs: 1 } }), nowMs: NOW });
  task.do({ kind: 'approve', nowMs: NOW + 1 });
  task.do({ kind: 'consider-start', participants: EVERYBODY, byOperator: false, nowMs: NOW + 2 });
  const { lockedUnits, carriedOutUnits, stakes, entries, commits, quotaCredits } = closed;
  task.do({ kind: 'record-epoch', epoch: 1, lockedUnits, carriedOutUnits, stakes, entries, commits, quotaCredits, nowMs: NOW + 3 });
  const final = new Stream(finalDecider);
  const { policy, taskId, requestId: taskRequestId, entries: submissions, lockedUnits: locked, stakes: history } = task.state;
  final.do({ kind: 'request', taskId, round: 2, submissions, participants: EVERYBODY, policy: policy!, taskRequestId, lockedUnits: locked, stakes: history, nowMs: NOW + 4 });
  for (const [index, { submissionId }] of submissions.entries()) final.do({ kind: 'record-verdict', verdict: verdict(submissionId, 800_000_000n - BigInt(index)), nowMs: NOW + 5 });
  const { taskId: _, concludedAtMs: __, ...conclusion } = (final.events.at(-1) as FinalConcluded).data;
  task.do({ kind: 'begin-challenge', ...conclusion, nowMs: NOW + 6 });
  task.do({ kind: 'finish', nowMs: NOW + 60_000 });
  return { task, final };
}

/** One story per stream, and the first event of each type in them. */
export function goldenStreams(): { epoch: EpochGame; task: Stream<ReturnType<typeof taskDecider.initialState>, never, TaskEvent>; final: Stream<ReturnType<typeof finalDecider.initialState>, never, FinalEvent>; emission: Stream<ReturnType<typeof emissionDecider.initialState>, never, EmissionAllocated>; slash: ReturnType<typeof slashCase>; events: ReadonlyMap<string, DomainEvent> } {
  const game = epoch();
  const { task, final } = played((game.events.at(-1) as EpochClosed).data);
  const cancelledTask = new Stream(taskDecider, task.events.slice(0, 3));
  cancelledTask.do({ kind: 'cancel', by: { kind: 'operator' }, reason: 'no longer needed', nowMs: NOW + 7 });
  const cancelledEpoch = new EpochGame();
  cancelledEpoch.do({ ...cancelledEpoch.base, kind: 'close-commits', nowMs: NOW + 90_000 });
  cancelledEpoch.do({ ...cancelledEpoch.base, kind: 'cancel' });
  const emission = new Stream(emissionDecider);
  emission.do({ kind: 'allocate', taskId: TASK_ID, epoch: 1, candidates: [{ taskId: TASK_ID, epoch: 1, epochs: 2, epochSeconds: 60, weight: 21_000n }], over: [], nowMs: NOW });
  const slash = slashCase();
  const events = new Map<string, DomainEvent>();
  for (const event of [...task.events, ...game.events, ...final.events, ...cancelledTask.events, ...cancelledEpoch.events, ...slash.events, ...emission.events]) if (!events.has(event.type)) events.set(event.type, event);
  return { epoch: game, task, final, emission, slash, events };
}
