import { type Decider, type Rejection, type Result, ok, reject } from '@skein/kernel';
import { rankByScore } from '../board/board.policy.js';
import { checkShares, sharesOf } from '../epoch/close.policy.js';
import type { Verdict } from '../epoch/epoch.commands.js';
import { scoringIdOf } from '../epoch/judge.policy.js';
import { divideLockedPool } from '../reward/final-reward.policy.js';
import { directionOf } from '../task/metric.policy.js';
import type { FinalConcluded, FinalEvent, FinalRequested, FinalScored } from './final.events.js';

export type FinalCommand =
  | ({ readonly kind: 'request' } & Omit<FinalRequested['data'], 'scoringId' | 'dataSetSha256' | 'dataSetRows' | 'requestedAtMs' | 'deadlineMs'> & { readonly nowMs: number })
  | { readonly kind: 'record-verdict'; readonly verdict: Verdict; readonly nowMs: number };

export interface FinalState {
  readonly phase: 'none' | 'scoring' | 'concluded';
  readonly requested: FinalRequested['data'] | undefined;
  readonly scored: Readonly<Record<string, FinalScored['data']>>;
}

type Decision = Result<readonly FinalEvent[], Rejection>;

function conclude(requested: FinalRequested['data'], scored: FinalState['scored'], nowMs: number): FinalConcluded {
  const { taskId, policy, submissions, lockedUnits, stakes } = requested;
  const counted = submissions.flatMap((one) => {
    const score = scored[one.submissionId];
    return score?.outcome === 'counted' ? [{ ...one, scoreNano: score.scoreNano }] : [];
  });
  const ranking = rankByScore(counted, directionOf(policy.metric)).map(({ owner, submissionId, artifactSha256, scoreNano }, index) => ({
    rank: index + 1,
    owner,
    submissionId,
    artifactSha256,
    scoreNano,
  }));
  const divided = divideLockedPool(lockedUnits, ranking.map(({ owner }) => owner), stakes, policy.rules.finalStake, policy.rules);
  const winner = ranking[0];
  const winnerValidators = winner ? scored[winner.submissionId]!.shares.map(({ wallet, share }) => ({ wallet, share })) : [];
  return { type: 'skein.arena.final.concluded.v1', data: { taskId, ranking, ...divided, lockedUnits, winnerValidators, concludedAtMs: nowMs } };
}

function request({ kind: _, nowMs, ...data }: Extract<FinalCommand, { kind: 'request' }>, state: FinalState): Decision {
  if (state.phase !== 'none') return ok([]);
  const requested: FinalRequested['data'] = {
    ...data,
    scoringId: scoringIdOf(data.taskId, data.round),
    dataSetSha256: data.policy.dataSets.heldBack.sha256,
    dataSetRows: data.policy.dataSets.heldBack.rows,
    requestedAtMs: nowMs,
    deadlineMs: nowMs + data.policy.schedule.scoringSeconds * 1000,
  };
  const event: FinalRequested = { type: 'skein.arena.final.scoring-requested.v1', data: requested };
  return ok(data.submissions.length > 0 ? [event] : [event, conclude(requested, {}, nowMs)]);
}

function recordVerdict({ verdict, nowMs }: Extract<FinalCommand, { kind: 'record-verdict' }>, state: FinalState): Decision {
  if (!state.requested) return reject('failed-precondition', 'final-not-requested', 'the final validation has not been requested');
  const { taskId, submissions, participants } = state.requested;
  const submission = submissions.find(({ submissionId }) => submissionId === verdict.submissionId);
  if (state.phase !== 'scoring' || !submission || verdict.submissionId in state.scored) return ok([]);
  const checked = checkShares(verdict, participants);
  if (!checked.ok) return checked;
  const counted = verdict.outcome === 'counted';
  const data: FinalScored['data'] = {
    taskId,
    submissionId: verdict.submissionId,
    owner: submission.owner,
    outcome: verdict.outcome,
    scoreNano: counted ? verdict.scoreNano : 0n,
    shares: counted ? sharesOf(verdict, participants) : [],
  };
  const scored = { ...state.scored, [verdict.submissionId]: data };
  const event: FinalScored = { type: 'skein.arena.final.scored.v1', data };
  return ok(submissions.every(({ submissionId }) => submissionId in scored) ? [event, conclude(state.requested, scored, nowMs)] : [event]);
}

/** Final validation of a task on its held-back set, up to the final ranking and the division of the locked pool. Stream `final-<task id>`. */
export const finalDecider: Decider<FinalState, FinalCommand, FinalEvent> = {
  initialState: () => ({ phase: 'none', requested: undefined, scored: {} }),
  decide: (command, state) => (command.kind === 'request' ? request(command, state) : recordVerdict(command, state)),
  evolve(state, event) {
    switch (event.type) {
      case 'skein.arena.final.scoring-requested.v1':
        return { ...state, phase: 'scoring', requested: event.data };
      case 'skein.arena.final.scored.v1':
        return { ...state, scored: { ...state.scored, [event.data.submissionId]: event.data } };
      case 'skein.arena.final.concluded.v1':
        return { ...state, phase: 'concluded' };
    }
  },
};

export const finalStream = (taskId: string): string => `final-${taskId}`;
