import { type Decider, type Rejection, type Result, ok, reject } from '@skein/kernel';
import { boardScore } from '../board/board.policy.js';
import { commitHash } from '../submission/commit.policy.js';
import { directionOf } from '../task/metric.policy.js';
import { nodesOf } from '../task/participants.policy.js';
import { checkShares, closeEpoch, sharesOf } from './close.policy.js';
import type { EpochCommand } from './epoch.commands.js';
import type { EpochEvent } from './epoch.events.js';
import { type EpochState, type Submission, evolveEpoch, initialEpoch } from './epoch.state.js';
import { judgeReveals, requestScoring } from './judge.policy.js';

type Decision = Result<readonly EpochEvent[], Rejection>;
type Command<K extends EpochCommand['kind']> = Extract<EpochCommand, { kind: K }>;
type Now = Pick<EpochCommand, 'nowMs' | 'stakes' | 'stakeBlock' | 'known'>;

const after = (state: EpochState, events: readonly EpochEvent[]): EpochState => events.reduce(evolveEpoch, state);
const names = (state: EpochState): { taskId: string; epoch: number } => ({ taskId: state.opened!.taskId, epoch: state.opened!.epoch });

export function quotaOf(state: EpochState, wallet: string): number {
  const credit = state.opened!.quotaCredits.find((one) => one.wallet === wallet)?.count ?? 0;
  return state.opened!.policy.rules.quotaPerEpoch + credit;
}

export const quotaLeft = (state: EpochState, wallet: string): number =>
  quotaOf(state, wallet) - state.submissions.filter(({ owner }) => owner === wallet).length;

const isNode = (state: EpochState, wallet: string): boolean => nodesOf(state.opened!.participants).some((one) => one.wallet === wallet);

function open({ kind: _, nowMs, stakes: __, known: ___, ...data }: Command<'open'>, state: EpochState): Decision {
  if (state.phase !== 'none') return ok([]);
  return ok([{ type: 'skein.arena.epoch.opened.v1', data: { ...data, openedAtMs: nowMs, commitDueAtMs: nowMs + data.policy.schedule.commitSeconds * 1000 } }]);
}

/** Scores what ranks, or ends the epoch where nothing does. */
function judge(state: EpochState, now: Now): readonly EpochEvent[] {
  const { events, ranking } = judgeReveals(state, now.known);
  const judged = after(state, events);
  return [...events, ranking.length > 0 ? requestScoring(judged, ranking, now.nowMs) : closeEpoch(judged, ranking, now)];
}

const isUndecided = ({ status }: Submission): boolean => status === 'revealed';

function closeReveals(state: EpochState, reason: 'all-acted' | 'deadline', now: Now): readonly EpochEvent[] {
  const missing: EpochEvent[] = state.submissions
    .filter(({ status }) => status === 'committed')
    .map(({ submissionId, owner }) => ({
      type: 'skein.arena.submission.rejected.v1',
      data: { ...names(state), submissionId, owner, rule: 'not-revealed', message: 'the commit was not revealed in time', platformFault: false },
    }));
  const events: EpochEvent[] = [...missing, { type: 'skein.arena.epoch.reveals-closed.v1', data: { ...names(state), reason } }];
  const closed = after(state, events);
  return closed.submissions.some(isUndecided) ? events : [...events, ...judge(closed, now)];
}

function closeCommits(state: EpochState, reason: 'all-acted' | 'deadline', now: Now): readonly EpochEvent[] {
  const revealDueAtMs = now.nowMs + state.opened!.policy.schedule.revealSeconds * 1000;
  const events: EpochEvent[] = [{ type: 'skein.arena.epoch.commits-closed.v1', data: { ...names(state), reason, revealDueAtMs } }];
  const closed = after(state, events);
  return closed.submissions.length > 0 ? events : [...events, ...closeReveals(closed, 'all-acted', now)];
}

/** A phase ends as soon as everyone who may act has acted, where the task says so. */
function closeCommitsEarly(state: EpochState, now: Now): readonly EpochEvent[] {
  const { policy, participants } = state.opened!;
  if (!policy.schedule.earlyClose) return [];
  const allActed = nodesOf(participants).every(({ wallet }) => state.done.has(wallet) || quotaLeft(state, wallet) <= 0);
  return allActed ? closeCommits(state, 'all-acted', now) : [];
}

function withNext(state: EpochState, events: readonly EpochEvent[], next: (state: EpochState) => readonly EpochEvent[]): Decision {
  return ok([...events, ...next(after(state, events))]);
}

function checkCommitWindow(state: EpochState, epoch: number, wallet: string, nowMs: number): Rejection | undefined {
  const { epoch: running } = state.opened!;
  if (epoch !== running) return { code: 'failed-precondition', rule: 'epoch-not-running', message: `epoch ${running} runs, not ${epoch}`, field: 'epoch' };
  if (!isNode(state, wallet)) return { code: 'permission-denied', rule: 'not-a-staked-node', message: 'only nodes that had staked enough when the epoch opened take part' };
  if (state.phase !== 'committing' || nowMs >= state.commitDueAtMs)
    return { code: 'failed-precondition', rule: 'commit-window-closed', message: `the commit window of epoch ${running} has closed`, field: 'epoch' };
  if (state.done.has(wallet)) return { code: 'failed-precondition', rule: 'already-done', message: 'this node has said that it is done with this epoch' };
  return undefined;
}

function commit(command: Command<'commit'>, state: EpochState): Decision {
  const { submissionId, owner, commit: hash, epoch, nowMs } = command;
  const refusal = checkCommitWindow(state, epoch, owner, nowMs);
  if (refusal) return { ok: false, error: refusal };
  if (state.submissions.some((one) => one.submissionId === submissionId)) return reject('already-exists', 'duplicate-commit', 'this commit was made before', 'commit');
  if (quotaLeft(state, owner) <= 0) return reject('resource-exhausted', 'quota', `this node may commit ${quotaOf(state, owner)} times in an epoch`);
  const order = state.submissions.length + 1;
  const committed: EpochEvent = {
    type: 'skein.arena.submission.committed.v1',
    data: { ...names(state), submissionId, owner, commit: hash, order, committedAtMs: nowMs },
  };
  return withNext(state, [committed], (next) => closeCommitsEarly(next, command));
}

function markDone(command: Command<'mark-done'>, state: EpochState): Decision {
  const { wallet, epoch, nowMs } = command;
  if (state.done.has(wallet) && epoch === state.opened!.epoch) return ok([]);
  const refusal = checkCommitWindow(state, epoch, wallet, nowMs);
  if (refusal) return { ok: false, error: refusal };
  const done: EpochEvent = { type: 'skein.arena.epoch.node-done.v1', data: { ...names(state), wallet } };
  return withNext(state, [done], (next) => closeCommitsEarly(next, command));
}

function reveal(command: Command<'reveal'>, state: EpochState): Decision {
  const { submissionId, owner, artifactSha256, salt, nowMs } = command;
  const found = state.submissions.find((one) => one.submissionId === submissionId && one.owner === owner);
  if (!found) return reject('not-found', 'submission-not-found', 'there is no such submission', 'name');
  if (state.phase === 'committing') return reject('failed-precondition', 'reveal-window-not-open', 'commits are still taken; reveal once the commit window has closed', 'name');
  if (found.status !== 'committed') return reject('failed-precondition', 'already-revealed', `the submission is ${found.status}`, 'name');
  if (state.phase !== 'revealing' || state.revealsClosed || nowMs >= state.revealDueAtMs)
    return reject('failed-precondition', 'reveal-window-closed', 'the reveal window has closed', 'name');
  if (commitHash({ ...names(state), owner, artifactSha256, salt }) !== found.commit)
    return reject('invalid-argument', 'commit-mismatch', 'artifact and salt do not give the commit that was made', 'salt');
  const revealed: EpochEvent = {
    type: 'skein.arena.submission.revealed.v1',
    data: { ...names(state), submissionId, owner, artifactSha256, revealedAtMs: nowMs },
  };
  const isLast = (next: EpochState): boolean => next.submissions.every(({ status }) => status !== 'committed');
  const early = state.opened!.policy.schedule.earlyClose;
  return withNext(state, [revealed], (next) => (early && isLast(next) ? closeReveals(next, 'all-acted', command) : []));
}

/** Until then a submission that the platform fails to read is tried again: once more the whole window, as after any outage. */
export const admissionDueAtMs = (state: EpochState): number => state.revealDueAtMs + state.opened!.policy.schedule.revealSeconds * 1000;

function recordAdmission(command: Command<'record-admission'>, state: EpochState): Decision {
  const found = state.submissions.find((one) => one.submissionId === command.submissionId);
  if (found?.status !== 'revealed' || state.phase !== 'revealing') return ok([]);
  const { submissionId, owner } = found;
  const { admission, nowMs } = command;
  // What is read in time is admitted as if nothing had been; nobody loses an epoch to a failure of ours that passes.
  if (!admission.admitted && admission.platformFault && nowMs < admissionDueAtMs(state))
    return reject('unavailable', 'admission-open', 'the submission can still be admitted: read it again');
  const base = { ...names(state), submissionId, owner };
  const event: EpochEvent = admission.admitted
    ? { type: 'skein.arena.submission.admitted.v1', data: { ...base, parameters: admission.parameters, opset: admission.opset } }
    : { type: 'skein.arena.submission.rejected.v1', data: { ...base, rule: admission.rule, message: admission.message, platformFault: admission.platformFault } };
  return withNext(state, [event], (next) => (next.revealsClosed && !next.submissions.some(isUndecided) ? judge(next, command) : []));
}

function scoredEvent(state: EpochState, command: Command<'record-verdict'>): EpochEvent {
  const { verdict } = command;
  const { owner, submissionId } = state.requested.find((one) => one.submissionId === verdict.submissionId)!;
  const base = { ...names(state), submissionId, owner };
  if (verdict.outcome === 'failed')
    return { type: 'skein.arena.submission.rejected.v1', data: { ...base, rule: verdict.rule || 'evaluation-failed', message: 'the model could not be evaluated', platformFault: false } };
  const { policy, participants, entries } = state.opened!;
  const counted = verdict.outcome === 'counted';
  const shown = entries.find((entry) => entry.owner === owner)?.boardScoreNano;
  const scoreNano = counted ? verdict.scoreNano : 0n;
  return {
    type: 'skein.arena.submission.scored.v1',
    data: {
      ...base,
      outcome: verdict.outcome,
      scoreNano,
      boardScoreNano: counted ? boardScore(scoreNano, policy.rules.boardStepNano, directionOf(policy.metric), shown) : (shown ?? 0n),
      shares: counted ? sharesOf(verdict, participants) : [],
    },
  };
}

const isJudged = (state: EpochState, submissionId: string): boolean => submissionId in state.scored || state.failed.has(submissionId);

function recordVerdict(command: Command<'record-verdict'>, state: EpochState): Decision {
  const { submissionId } = command.verdict;
  const isRequested = state.requested.some((one) => one.submissionId === submissionId);
  if (state.phase !== 'scoring' || !isRequested || isJudged(state, submissionId)) return ok([]);
  const checked = checkShares(command.verdict, state.opened!.participants);
  if (!checked.ok) return checked;
  return withNext(state, [scoredEvent(state, command)], (next) =>
    next.requested.every((one) => isJudged(next, one.submissionId)) ? [closeEpoch(next, next.requested, command)] : [],
  );
}

/** A deadline that is met this late was missed by the platform, not by the nodes. */
export const OUTAGE_MS = 15_000;

/** Closes a window whose deadline has passed; one that passed while the platform was away runs its whole length again. */
function atDeadline(state: EpochState, window: 'commit' | 'reveal', { nowMs }: Now, close: () => readonly EpochEvent[]): readonly EpochEvent[] {
  const { commitSeconds, revealSeconds } = state.opened!.policy.schedule;
  const [dueAtMs, seconds] = window === 'commit' ? [state.commitDueAtMs, commitSeconds] : [state.revealDueAtMs, revealSeconds];
  if (nowMs < dueAtMs) return [];
  if (nowMs < dueAtMs + OUTAGE_MS) return close();
  return [{ type: 'skein.arena.epoch.window-extended.v1', data: { ...names(state), window, dueAtMs: nowMs + seconds * 1000 } }];
}

function decide(command: EpochCommand, state: EpochState): Decision {
  if (command.kind === 'open') return open(command, state);
  if (!state.opened) return reject('failed-precondition', 'epoch-not-open', 'the epoch has not been opened', 'epoch');
  switch (command.kind) {
    case 'commit':
      return commit(command, state);
    case 'mark-done':
      return markDone(command, state);
    case 'close-commits':
      return ok(state.phase === 'committing' ? atDeadline(state, 'commit', command, () => closeCommits(state, 'deadline', command)) : []);
    case 'reveal':
      return reveal(command, state);
    case 'record-admission':
      return recordAdmission(command, state);
    case 'close-reveals':
      return ok(state.phase === 'revealing' && !state.revealsClosed ? atDeadline(state, 'reveal', command, () => closeReveals(state, 'deadline', command)) : []);
    case 'record-verdict':
      return recordVerdict(command, state);
    case 'cancel':
      return ok(['closed', 'cancelled'].includes(state.phase) ? [] : [{ type: 'skein.arena.epoch.cancelled.v1', data: names(state) }]);
  }
}

/** One commit–reveal round of a task. Stream `epoch-<task id>-<number>`. */
export const epochDecider: Decider<EpochState, EpochCommand, EpochEvent> = { initialState: () => initialEpoch, decide, evolve: evolveEpoch };

export const epochStream = (taskId: string, epoch: number): string => `epoch-${taskId}-${epoch}`;
