import { ok, reject } from '@skein/kernel';
import type { Rejection, Result } from '@skein/kernel';
import type { ApproveTask, ClosePhase, JoinTask, OpenRound, ProposeTask, RecordExport } from './federation.commands.js';
import type { FederationEvent, StakeBlock, StakedNode, TaskFacts } from './federation.events.js';
import { activeMembers } from './federation.state.js';
import type { FederationState } from './federation.state.js';
import { checkManifest, isSha256 } from './manifest.policy.js';
import type { Manifest } from './manifest.js';
import { drawRoles } from './roles.policy.js';
import { moveMoney } from './settlement.policy.js';

type Decision = Result<readonly FederationEvent[], Rejection>;

/** The number of the next round to open, from 1. */
export const nextRound = (state: FederationState): number => state.roundsDone + 1;

/**
 * Effective stake: what is final minus the slashes decided here that it does not have yet, never below zero. `finalCases` are read with
 * the stakes in one snapshot; a case is closed here only after that, so each slash is subtracted once whatever comes first.
 */
export function effectiveStake(state: FederationState, node: string, finalised: bigint, finalCases: readonly string[]): bigint {
  const open = Object.entries(state.openSlashes).filter(([caseId, slash]) => slash.node === node && !finalCases.includes(caseId));
  const left = open.reduce((stake, [, { units }]) => stake - units, finalised);
  return left > 0n ? left : 0n;
}

const asOf = ({ stakeBlock }: Pick<JoinTask, 'stakeBlock'>): { stakeBlock?: StakeBlock } => (stakeBlock === undefined ? {} : { stakeBlock });

/** A new task, not yet approved. */
export function propose(command: ProposeTask, state: FederationState): Decision {
  if (state.phase !== 'absent') return reject('already-exists', 'task-exists', 'this federated task exists already');
  if (!isSha256(command.weightsSha256)) return reject('invalid-argument', 'sha256', 'weights need a SHA-256', 'weights_sha256');
  const manifest = checkManifest(command.manifest);
  if (!manifest.ok) return manifest;
  const { id, creator, weightsSha256, requestId } = command;
  return ok([
    { type: 'skein.federation.task.proposed.v1', data: { id, creator, manifest: manifest.value, weightsSha256, requestId } },
  ]);
}

/** The operator grants the pool and opens the task for joining. */
export function approve(command: ApproveTask, state: FederationState): Decision {
  if (state.phase === 'absent') return reject('not-found', 'task-unknown', 'there is no such federated task');
  if (state.phase !== 'proposed') return reject('failed-precondition', 'task-not-proposed', 'only a proposed task can be approved');
  if (command.pool <= 0n) return reject('invalid-argument', 'positive', 'the pool must be above zero', 'pool');
  const { deadlines, stakeThreshold, slashRatePpm } = state.manifest!;
  const joiningDueAtMs = command.nowMs + deadlines.joiningMs;
  const chain = { latestEndMs: latestEndMs(state.manifest!, command.nowMs), slashBps: Math.ceil(slashRatePpm / 100) };
  const data = { pool: command.pool, joiningDueAtMs, stakeThreshold, task: factsOf(state), ...chain };
  return ok([{ type: 'skein.federation.task.approved.v1', data }]);
}

/** When the task is over even if each round is joined anew and every window runs to its deadline. */
function latestEndMs({ rounds, deadlines }: Manifest, approvedAtMs: number): number {
  const { joiningMs, contributingMs, committingMs, revealingMs } = deadlines;
  return approvedAtMs + rounds * (joiningMs + contributingMs + committingMs + revealingMs);
}

function factsOf(state: FederationState): TaskFacts {
  const { title, arenaTask, rounds } = state.manifest!;
  return { creator: state.creator, title, arenaTask, rounds };
}

function joinable(command: JoinTask, state: FederationState): Rejection | undefined {
  const fault = (code: Rejection['code'], rule: string, message: string): Rejection => ({ code, rule, message, field: 'task' });
  if (state.phase === 'absent') return fault('not-found', 'task-unknown', 'there is no such federated task');
  if (state.phase === 'proposed') return fault('failed-precondition', 'task-not-approved', 'the task is not approved yet');
  if (state.phase === 'finished') return fault('failed-precondition', 'task-finished', 'the task is finished');
  const member = state.members[command.node];
  if (member && !member.out) return fault('already-exists', 'already-joined', 'this node is a member already');
  if (activeMembers(state).length >= state.manifest!.participantsMax)
    return fault('resource-exhausted', 'task-full', 'the task has all the nodes it may have');
  if (effectiveStake(state, command.node, command.stake, command.finalCases) < state.manifest!.stakeThreshold)
    return fault('failed-precondition', 'stake-below-threshold', 'the effective stake is below the task\'s threshold');
  return undefined;
}

/** A node becomes a member; the last one that fits closes joining. It takes part from the next round that opens. */
export function join(command: JoinTask, state: FederationState): Decision {
  const fault = joinable(command, state);
  if (fault) return { ok: false, error: fault };
  const stake = effectiveStake(state, command.node, command.stake, command.finalCases);
  const joined: FederationEvent = { type: 'skein.federation.node.joined.v1', data: { node: command.node, stake, ...asOf(command) } };
  const active = activeMembers(state).length + 1;
  if (state.phase !== 'joining' || active < state.manifest!.participantsMax) return ok([joined]);
  return ok([joined, { type: 'skein.federation.joining.closed.v1', data: { round: nextRound(state), active } }]);
}

/** Joining is over: the draw follows, or a void round when too few came. */
export function closeJoining(command: ClosePhase, state: FederationState): Decision {
  if (state.phase !== 'joining' || command.round !== nextRound(state)) return ok([]);
  if (command.nowMs < state.joiningDueAtMs) return early();
  if (isOverdue(command.nowMs, state.joiningDueAtMs)) return ok([extended(command, state.manifest!.deadlines.joiningMs)]);
  const active = activeMembers(state).length;
  if (active < state.manifest!.participantsMin) return ok(voidForLack(command.nowMs, state, []));
  return ok([{ type: 'skein.federation.joining.closed.v1', data: { round: nextRound(state), active } }]);
}

/** Someone called for a deadline that has not passed. */
export const early = (): Decision =>
  reject('failed-precondition', 'deadline-not-reached', 'the phase goes on until its deadline', 'phase');

/** A deadline whose timer comes later than this was missed by the platform, not by the nodes. */
const OVERDUE_MS = 15_000;

/** Whether nobody could act for a while around the deadline because the service was away. */
export const isOverdue = (nowMs: number, dueAtMs: number): boolean => nowMs - dueAtMs > OVERDUE_MS;

/** The phase begins again with its whole length: an outage makes nobody late and slashes nobody. */
export const extended = ({ round, phase, nowMs }: ClosePhase, lengthMs: number): FederationEvent => ({
  type: 'skein.federation.deadline.extended.v1',
  data: { round, phase, dueAtMs: nowMs + lengthMs },
});

function voidForLack(nowMs: number, state: FederationState, before: FederationEvent[]): FederationEvent[] {
  const round = nextRound(state);
  const manifest = state.manifest!;
  const { reward, ...movement } = moveMoney({
    left: state.pool.left, leftGm: state.gmLeft, roundsLeft: manifest.rounds - state.roundsDone, slashes: [], good: [],
  });
  const rejoinDueAtMs = nowMs + manifest.deadlines.joiningMs;
  return [
    ...before,
    { type: 'skein.federation.round.voided.v1', data: { round, reason: 'too-few-participants', ...movement, rejoinDueAtMs } },
    { type: 'skein.federation.reward.carried.v1', data: { round, units: reward, reason: 'void' } },
    ...finishAfter(state, state.modelSha256, movement.left),
  ];
}

/** The task's end, when the round being closed is its last. */
export function finishAfter(state: FederationState, modelSha256: string, left: bigint): FederationEvent[] {
  const rounds = state.roundsDone + 1;
  if (rounds < state.manifest!.rounds) return [];
  return [{ type: 'skein.federation.task.finished.v1', data: { modelSha256, rounds, left } }];
}

function opened(command: OpenRound, state: FederationState, manifest: Manifest, nodes: StakedNode[]): FederationEvent {
  const roles = drawRoles(nodes.map(({ node }) => node), command.beacon.value, manifest.proposersPpm);
  const staked = (ids: readonly string[]): StakedNode[] => ids.map((id) => nodes.find(({ node }) => node === id)!);
  return {
    type: 'skein.federation.round.opened.v1',
    data: {
      round: command.round,
      beacon: command.beacon,
      proposers: staked(roles.proposers),
      voters: staked(roles.voters),
      ...asOf(command),
      modelSha256: state.modelSha256,
      contributingDueAtMs: command.nowMs + manifest.deadlines.contributingMs,
    },
  };
}

/** Snapshots the stakes, excludes who fell below the threshold, and draws the roles; too few left voids the round. */
export function openRound(command: OpenRound, state: FederationState): Decision {
  if (state.phase !== 'roles' || command.round !== nextRound(state)) return ok([]);
  if (!isSha256(command.beacon.value)) return reject('invalid-argument', 'beacon', 'the beacon value must be 64 hex digits', 'beacon');
  const manifest = state.manifest!;
  const nodes = activeMembers(state).map((node) => ({ node, stake: effectiveStake(state, node, command.stakes[node] ?? 0n, command.finalCases) }));
  const enough = nodes.filter(({ stake }) => stake >= manifest.stakeThreshold);
  const excluded = nodes
    .filter(({ stake }) => stake < manifest.stakeThreshold)
    .map((node): FederationEvent => ({ type: 'skein.federation.node.excluded.v1', data: { ...node, round: command.round, ...asOf(command) } }));
  if (enough.length < manifest.participantsMin) return ok(voidForLack(command.nowMs, state, excluded));
  return ok([...excluded, opened(command, state, manifest, enough)]);
}

/** The final model can be had as ONNX; contributors are named by wallet with the rows they trained on. */
export function recordExport(command: RecordExport, state: FederationState): Decision {
  if (state.phase !== 'finished' || state.exportedSha256 !== undefined) return ok([]);
  if (!isSha256(command.sha256)) return reject('invalid-argument', 'sha256', 'the model needs a SHA-256', 'sha256');
  const contributors = Object.keys(state.members)
    .sort()
    .map((node) => ({ node, examples: state.members[node]!.examples }))
    .filter(({ examples }) => examples > 0);
  const { modelSha256, pool, gmLeft: leftGm } = state;
  const data = { sha256: command.sha256, modelSha256, contributors, left: pool.left, leftGm, task: factsOf(state) };
  return ok([{ type: 'skein.federation.model.exported.v1', data }]);
}
