import { ok, reject } from '@skein/kernel';
import type { Rejection, RejectionCode, Result } from '@skein/kernel';
import type { ClosePhase, CommitVote, Contribute, RecordAggregate, RevealVote } from './federation.commands.js';
import type { FederationEvent, RewardCarried, RoundSettled, StakedNode } from './federation.events.js';
import { evolve } from './federation.state.js';
import type { FederationState, RoundState } from './federation.state.js';
import { isSha256 } from './manifest.policy.js';
import { early, extended, finishAfter, isOverdue } from './membership.decisions.js';
import { goodOf, moveMoney, slashesOf, tally } from './settlement.policy.js';
import type { Tally } from './settlement.policy.js';
import { voteCommitment } from './vote.policy.js';

type Decision = Result<readonly FederationEvent[], Rejection>;
type Phase = RoundState['phase'];

interface Acting {
  readonly round: number;
  readonly node: string;
  readonly nowMs: number;
}

const has = (nodes: readonly StakedNode[], node: string): boolean => nodes.some((member) => member.node === node);

/** The round, if this is it, it is in this phase, the deadline has not passed and the node has the role. */
function actingRound(command: Acting, state: FederationState, phase: Phase, role: 'proposers' | 'voters'): Result<RoundState, Rejection> {
  const { round } = state;
  if (state.phase === 'absent') return reject('not-found', 'task-unknown', 'there is no such federated task', 'task');
  if (!round || round.round !== command.round)
    return reject('failed-precondition', 'wrong-round', `round ${command.round} is not the round in progress`, 'round');
  if (!has(round[role], command.node))
    return reject('permission-denied', 'not-drawn', `this node is not among the round's ${role}`, 'node');
  if (round.phase !== phase) {
    const rule = phase === 'contributing' ? 'contributing-closed' : 'wrong-phase';
    return reject('failed-precondition', rule, `the round is ${round.phase}, not ${phase}`, 'round');
  }
  if (command.nowMs >= round.dueAtMs) return reject('deadline-exceeded', 'late', 'the deadline of this phase has passed', 'round');
  return ok(round);
}

/** Accepts an update of a drawn proposer; the last one closes the phase. */
export function contribute(command: Contribute, state: FederationState): Decision {
  const at = actingRound(command, state, 'contributing', 'proposers');
  if (!at.ok) return at;
  const { node, sha256, examples, norm } = command;
  const refuse = (code: RejectionCode, rule: string, message: string, field: string) => reject(code, rule, message, field);
  if (at.value.contributions[node]) return refuse('already-exists', 'duplicate-contribution', 'this node has contributed to the round', 'round');
  if (!isSha256(sha256)) return refuse('invalid-argument', 'sha256', 'sha256 must be 64 lower-case hex digits', 'sha256');
  if (!Number.isInteger(examples) || examples <= 0)
    return refuse('invalid-argument', 'examples-positive', 'examples must be a positive integer', 'examples');
  if (examples > state.manifest!.examplesMax)
    return refuse('invalid-argument', 'examples-cap', `examples may be at most ${state.manifest!.examplesMax}`, 'examples');
  if (!Number.isFinite(norm) || norm < 0) return refuse('invalid-argument', 'non-finite', 'the norm must be finite', 'norm');
  const accepted: FederationEvent = {
    type: 'skein.federation.contribution.accepted.v1',
    data: { round: at.value.round, node, sha256, examples, norm },
  };
  const complete = Object.keys(at.value.contributions).length + 1 === at.value.proposers.length;
  return ok(complete ? [accepted, ...closeContributing(evolve(state, accepted))] : [accepted]);
}

function closeContributing(state: FederationState): FederationEvent[] {
  const round = state.round!;
  const late = round.proposers.map(({ node }) => node).filter((node) => !round.contributions[node]);
  const closed: FederationEvent = { type: 'skein.federation.contributing.closed.v1', data: { round: round.round, late } };
  const came = round.proposers.length - late.length;
  if (came >= Math.max(1, state.manifest!.rule.updatesMin)) return [closed];
  return [closed, ...voidRound(evolve(state, closed), 'too-few-contributions', false)];
}

/** The aggregation job's result; refused when it is for another round or moment. */
export function recordAggregate(command: RecordAggregate, state: FederationState): Decision {
  const { round } = state;
  if (round?.round !== command.round || round.phase !== 'aggregating')
    return reject('failed-precondition', 'not-aggregating', 'the round does not wait for an aggregate', 'round');
  if (!isSha256(command.sha256)) return reject('invalid-argument', 'sha256', 'the aggregate needs a SHA-256', 'sha256');
  const { sha256, scores } = command;
  const committingDueAtMs = command.nowMs + state.manifest!.deadlines.committingMs;
  return ok([{ type: 'skein.federation.round.aggregated.v1', data: { round: round.round, sha256, scores, committingDueAtMs } }]);
}

/** Seals a vote; the last one opens the reveal. */
export function commitVote(command: CommitVote, state: FederationState): Decision {
  const at = actingRound(command, state, 'committing', 'voters');
  if (!at.ok) return at;
  const { round, votes, voters } = at.value;
  if (votes[command.node]) return reject('already-exists', 'duplicate-vote', 'this node has sealed its vote', 'round');
  if (!isSha256(command.commit)) return reject('invalid-argument', 'sha256', 'commit must be 64 lower-case hex digits', 'commit');
  const committed: FederationEvent = {
    type: 'skein.federation.vote.committed.v1',
    data: { round, node: command.node, commit: command.commit },
  };
  const complete = Object.keys(votes).length + 1 === voters.length;
  return ok(complete ? [committed, openRevealing(command.nowMs, state)] : [committed]);
}

function openRevealing(nowMs: number, state: FederationState): FederationEvent {
  const revealingDueAtMs = nowMs + state.manifest!.deadlines.revealingMs;
  return { type: 'skein.federation.revealing.opened.v1', data: { round: state.round!.round, revealingDueAtMs } };
}

/** Opens a sealed vote; the last one settles the round. */
export function revealVote(command: RevealVote, state: FederationState): Decision {
  const at = actingRound(command, state, 'revealing', 'voters');
  if (!at.ok) return at;
  const vote = at.value.votes[command.node];
  const { node, score, sha256, salt, round } = command;
  if (!vote) return reject('failed-precondition', 'not-committed', 'this node sealed no vote in this round', 'round');
  if (vote.revealed) return reject('already-exists', 'duplicate-vote', 'this node has revealed its vote', 'round');
  if (score !== 1 && score !== -1) return reject('invalid-argument', 'score', 'a vote is +1 or -1', 'score');
  if (!isSha256(sha256)) return reject('invalid-argument', 'sha256', 'sha256 must be 64 lower-case hex digits', 'sha256');
  if (!isSha256(salt)) return reject('invalid-argument', 'sha256', 'salt must be 64 lower-case hex digits', 'salt');
  if (voteCommitment({ taskId: state.id, round, node, score, sha256, salt }) !== vote.commit)
    return reject('invalid-argument', 'reveal-mismatch', 'the revealed vote does not match its commitment', 'commit');
  const revealed: FederationEvent = { type: 'skein.federation.vote.revealed.v1', data: { round, node, score, sha256 } };
  const after = evolve(state, revealed);
  const complete = Object.values(after.round!.votes).every((other) => other.revealed);
  return ok(complete ? [revealed, ...settle(after, undefined)] : [revealed]);
}

/** Only members are paid, by the chain too: the part of another caller stays in the pool. */
const paidCaller = ({ caller }: ClosePhase, { members }: FederationState): string | undefined =>
  caller !== undefined && members[caller] !== undefined ? caller : undefined;

/** The deadline of a phase of the round: goes on with whoever came. Nothing when the round has moved on. */
export function closeRoundPhase(command: ClosePhase, state: FederationState): Decision {
  const { round } = state;
  const caller = paidCaller(command, state);
  if (round?.round !== command.round || round.phase !== command.phase) return ok([]);
  if (command.nowMs < round.dueAtMs) return early();
  if (isOverdue(command.nowMs, round.dueAtMs)) return ok([extended(command, state.manifest!.deadlines[`${round.phase}Ms`])]);
  if (round.phase === 'contributing') return ok(closeContributing(state));
  if (round.phase === 'revealing') return ok(settle(state, caller));
  if (Object.keys(round.votes).length === 0) return ok(voidRound(state, 'no-vote', true, caller));
  return ok([openRevealing(command.nowMs, state)]);
}

function settle(state: FederationState, caller: string | undefined): FederationEvent[] {
  const votes = tally(state.round!);
  if (!votes) return voidRound(state, 'no-vote', true, caller);
  const round = state.round!;
  const good = goodOf(round, votes);
  const money = moveMoney({
    left: state.pool.left,
    leftGm: state.gmLeft,
    roundsLeft: state.manifest!.rounds - state.roundsDone,
    slashes: slashesOf(round, votes, state.manifest!, true),
    good,
    caller,
  });
  const modelSha256 = votes.outcome === 'accepted' ? votes.sha256 : state.modelSha256;
  const settled: RoundSettled = {
    type: 'skein.federation.round.settled.v1',
    data: { round: round.round, outcome: votes.outcome, sha256: votes.sha256, sum: votes.sum, modelSha256, ...money },
  };
  const reason = votes.outcome === 'tied' || votes.outcome === 'disputed' ? votes.outcome : 'nobody-good';
  return [
    settled,
    ...(good.length === 0 ? [carried(round.round, money.reward, reason)] : []),
    ...excludedAfter(state, settled.data.slashes),
    ...finishAfter(state, modelSha256, money.left),
  ];
}

const carried = (round: number, units: bigint, reason: RewardCarried['data']['reason']): FederationEvent => ({
  type: 'skein.federation.reward.carried.v1',
  data: { round, units, reason },
});

function voidRound(state: FederationState, reason: 'too-few-contributions' | 'no-vote', voted: boolean, caller?: string): FederationEvent[] {
  const round = state.round!;
  const slashes = slashesOf(round, undefined as Tally | undefined, state.manifest!, voted);
  const { reward, ...movement } = moveMoney({
    left: state.pool.left,
    leftGm: state.gmLeft,
    roundsLeft: state.manifest!.rounds - state.roundsDone,
    slashes,
    good: [],
    caller,
  });
  return [
    { type: 'skein.federation.round.voided.v1', data: { round: round.round, reason, ...movement } },
    carried(round.round, reward, 'void'),
    ...excludedAfter(state, slashes),
    ...finishAfter(state, state.modelSha256, movement.left),
  ];
}

function excludedAfter(state: FederationState, slashes: readonly { node: string; units: bigint }[]): FederationEvent[] {
  const round = state.round!;
  const stakes = new Map([...round.proposers, ...round.voters].map(({ node, stake }) => [node, stake]));
  return slashes.flatMap(({ node, units }): FederationEvent[] => {
    const stake = stakes.get(node)! - units;
    if (stake >= state.manifest!.stakeThreshold) return [];
    return [{ type: 'skein.federation.node.excluded.v1', data: { node, stake, round: round.round } }];
  });
}
