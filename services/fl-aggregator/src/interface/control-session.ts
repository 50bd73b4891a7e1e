import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ControlResponseSchema } from '@skein/contracts/federation';
import { uuidV8From } from '@skein/kernel';
import type { FederationState, RoundState } from '../domain/index.js';

type Push = MessageInitShape<typeof ControlResponseSchema>;
type WorkKind = 'train' | 'sealVote' | 'openVote';

/** Times of the control stream. */
export const CONTROL_TIMES = { heartbeatMs: 5_000, leaseMs: 20_000 } as const;

/** What a node has to do now, if anything. */
export function workOf(round: RoundState, node: string): WorkKind | undefined {
  const isIn = (members: RoundState['proposers']): boolean => members.some((member) => member.node === node);
  if (round.phase === 'contributing') return isIn(round.proposers) && !round.contributions[node] ? 'train' : undefined;
  if (!isIn(round.voters)) return undefined;
  if (round.phase === 'committing') return round.votes[node] ? undefined : 'sealVote';
  return round.phase === 'revealing' && round.votes[node] && !round.votes[node].revealed ? 'openVote' : undefined;
}

/**
 * One node's control stream as a function of the task's state and the clock: what to push when. Work follows from the state
 * alone, so a stream that breaks loses nothing: the next one pushes the same work under the same lease id.
 */
export class ControlSession {
  readonly #taskId: string;
  readonly #node: string;
  #lease: { readonly id: string; readonly dueAtMs: number; untilMs: number } | undefined;
  #roundsSeen: number | undefined;

  constructor(taskId: string, node: string) {
    this.#taskId = taskId;
    this.#node = node;
  }

  /** The node has said that it is alive and works on a lease. */
  heartbeat(leaseId: string, nowMs: number): void {
    if (this.#lease && leaseId === this.#lease.id) this.#lease.untilMs = nowMs + CONTROL_TIMES.leaseMs;
  }

  /** Messages to push now. `done` ends the stream. */
  next(state: FederationState, nowMs: number): { push: Push[]; done: boolean } {
    const push = this.#ended(state);
    if (state.members[this.#node]?.out !== false)
      return { push: [...push, { message: { case: 'cancel', value: { leaseId: this.#lease?.id ?? '', reason: 'not-a-member' } } }], done: true };
    if (state.phase === 'finished') return { push: [...push, { message: { case: 'finished', value: { weightsSha256: state.modelSha256 } } }], done: true };
    const work = state.round && workOf(state.round, this.#node);
    if (!work) return { push: [...push, ...this.#withdraw(state)], done: false };
    return { push: [...push, ...this.#offer(state, state.round!, work, nowMs)], done: false };
  }

  #ended(state: FederationState): Push[] {
    const before = this.#roundsSeen ?? state.roundsDone;
    this.#roundsSeen = state.roundsDone;
    if (state.roundsDone <= before) return [];
    return [{ message: { case: 'roundEnded', value: { round: state.roundsDone, weightsSha256: state.modelSha256 } } }];
  }

  /** Work that is over (done, or its phase closed) is cancelled only where the phase closed without the node. */
  #withdraw(state: FederationState): Push[] {
    const lease = this.#lease;
    this.#lease = undefined;
    if (!lease || state.round?.contributions[this.#node] || state.round?.votes[this.#node]) return [];
    return state.round ? [{ message: { case: 'cancel', value: { leaseId: lease.id, reason: 'phase-closed' } } }] : [];
  }

  #offer(state: FederationState, round: RoundState, work: WorkKind, nowMs: number): Push[] {
    const id = uuidV8From('federation-lease', this.#taskId, round.round, work, this.#node);
    const held = this.#lease;
    // An extended deadline is pushed too: what was refused as late may be done now.
    if (held?.id === id && held.dueAtMs === round.dueAtMs && nowMs < held.untilMs) return [];
    this.#lease = { id, dueAtMs: round.dueAtMs, untilMs: nowMs + CONTROL_TIMES.leaseMs };
    const common = { leaseId: id, round: round.round, dueAtMs: BigInt(round.dueAtMs), weightsSha256: state.modelSha256, beaconValue: round.beaconValue };
    if (work === 'train') return [{ message: { case: 'work', value: { ...common, kind: { case: 'train', value: {} } } } }];
    if (work === 'openVote') {
      const value = { aggregateSha256: round.aggregate?.sha256 ?? '', commit: round.votes[this.#node]?.commit ?? '' };
      return [{ message: { case: 'work', value: { ...common, kind: { case: 'openVote', value } } } }];
    }
    const contributions = Object.keys(round.contributions)
      .sort()
      .map((node) => ({ node, ...round.contributions[node]!, robustScore: round.aggregate?.scores[node] ?? 0 }));
    const value = { contributions, aggregateSha256: round.aggregate?.sha256 ?? '' };
    return [{ message: { case: 'work', value: { ...common, kind: { case: 'sealVote', value } } } }];
  }
}
