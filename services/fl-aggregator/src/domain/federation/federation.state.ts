import { federationCaseId } from '@skein/kernel';
import type { FederationEvent, PoolMovement, StakedNode } from './federation.events.js';
import type { Manifest } from './manifest.js';

/** A member of the task. */
export interface Member {
  /** Slashes decided here so far, final or not. */
  readonly slashed: bigint;
  readonly out: boolean;
  /** Σ n_i over the accepted rounds it contributed to: its part in the model. */
  readonly examples: number;
}

/** A vote as far as it is known. */
export interface Vote {
  readonly commit: string;
  readonly revealed?: { readonly score: 1 | -1; readonly sha256: string };
}

/** The round in progress. Records keep the order in which their events came. */
export interface RoundState {
  readonly round: number;
  readonly phase: 'contributing' | 'aggregating' | 'committing' | 'revealing';
  readonly dueAtMs: number;
  /** The recorded draw's value: repeats the roles, and seeds the order of training rows. */
  readonly beaconValue: string;
  readonly proposers: readonly StakedNode[];
  readonly voters: readonly StakedNode[];
  readonly contributions: Readonly<Record<string, { readonly sha256: string; readonly examples: number }>>;
  readonly late: readonly string[];
  readonly aggregate?: { readonly sha256: string; readonly scores: Readonly<Record<string, number>> };
  readonly votes: Readonly<Record<string, Vote>>;
}

/** granted + slashed = paid + callers + left, always. */
export interface Pool {
  readonly granted: bigint;
  readonly slashed: bigint;
  readonly paid: bigint;
  readonly callers: bigint;
  readonly left: bigint;
}

/** A federated task as its stream tells it. In `joining` it waits for members, in `roles` for the draw that opens a round. */
export interface FederationState {
  readonly phase: 'absent' | 'proposed' | 'joining' | 'roles' | 'round' | 'finished';
  readonly id: string;
  readonly creator: string;
  readonly requestId: string;
  readonly manifest?: Manifest;
  readonly modelSha256: string;
  /** Every global weights there has been, the starting ones first: what members and the creator may read. */
  readonly models: readonly string[];
  readonly joiningDueAtMs: number;
  readonly members: Readonly<Record<string, Member>>;
  readonly pool: Pool;
  /** Rounds settled or void. */
  readonly roundsDone: number;
  readonly round?: RoundState;
  /** The final model as ONNX. */
  readonly exportedSha256?: string;
  /** What of the pool's `left` is gmFLOCK: what slashes brought and nobody was paid yet. */
  readonly gmLeft: bigint;
  /** Slashes that were decided and that no final block is known to have, by case id. */
  readonly openSlashes: Readonly<Record<string, OpenSlash>>;
}

/** A slash between its decision and its finality. */
export interface OpenSlash {
  readonly round: number;
  readonly node: string;
  readonly units: bigint;
}

const EMPTY_POOL: Pool = { granted: 0n, slashed: 0n, paid: 0n, callers: 0n, left: 0n };

export const initialState = (): FederationState => ({
  phase: 'absent',
  id: '',
  creator: '',
  requestId: '',
  modelSha256: '',
  models: [],
  joiningDueAtMs: 0,
  members: {},
  pool: EMPTY_POOL,
  roundsDone: 0,
  gmLeft: 0n,
  openSlashes: {},
});

/** Members that still take part, sorted by node id (never by time of joining: the draw must repeat). */
export const activeMembers = (state: FederationState): string[] =>
  Object.keys(state.members)
    .filter((node) => !state.members[node]!.out)
    .sort();

const total = (amounts: readonly { readonly units: bigint }[]): bigint => amounts.reduce((sum, a) => sum + a.units, 0n);

/** Moves the money of a round; each slash in it is open from now on. */
function moved(state: FederationState, movement: PoolMovement & { readonly round: number }): FederationState {
  const members = { ...state.members };
  const openSlashes = { ...state.openSlashes };
  const { round } = movement;
  for (const { node, units } of movement.slashes) {
    members[node] = { ...members[node]!, slashed: members[node]!.slashed + units };
    if (units > 0n) openSlashes[federationCaseId(state.id, round, node)] = { round, node, units };
  }
  return {
    ...state,
    members,
    openSlashes,
    gmLeft: movement.leftGm,
    pool: {
      granted: state.pool.granted,
      slashed: state.pool.slashed + total(movement.slashes),
      paid: state.pool.paid + total(movement.payments),
      callers: state.pool.callers + movement.callerUnits,
      left: movement.left,
    },
  };
}

function credited(state: FederationState, outcome: string): FederationState {
  if (outcome !== 'accepted') return state;
  const members = { ...state.members };
  for (const [node, { examples }] of Object.entries(state.round!.contributions))
    members[node] = { ...members[node]!, examples: members[node]!.examples + examples };
  return { ...state, members };
}

function withoutRound(state: FederationState, phase: FederationState['phase']): FederationState {
  const { round: _closed, ...rest } = state;
  return { ...rest, phase, roundsDone: state.roundsDone + 1 };
}

function inRound(state: FederationState, change: Partial<RoundState>): FederationState {
  return { ...state, round: { ...state.round!, ...change } };
}

function evolveRound(state: FederationState, round: RoundState, event: FederationEvent): FederationState {
  switch (event.type) {
    case 'skein.federation.contribution.accepted.v1': {
      const { node, sha256, examples } = event.data;
      return inRound(state, { contributions: { ...round.contributions, [node]: { sha256, examples } } });
    }
    case 'skein.federation.contributing.closed.v1':
      return inRound(state, { phase: 'aggregating', late: event.data.late });
    case 'skein.federation.round.aggregated.v1': {
      const { sha256, scores, committingDueAtMs } = event.data;
      return inRound(state, { phase: 'committing', aggregate: { sha256, scores }, dueAtMs: committingDueAtMs });
    }
    case 'skein.federation.vote.committed.v1':
      return inRound(state, { votes: { ...round.votes, [event.data.node]: { commit: event.data.commit } } });
    case 'skein.federation.revealing.opened.v1':
      return inRound(state, { phase: 'revealing', dueAtMs: event.data.revealingDueAtMs });
    case 'skein.federation.vote.revealed.v1': {
      const { node, score, sha256 } = event.data;
      const { [node]: vote, ...others } = round.votes;
      // Re-inserted at the end: the record's order is the order of reveals, which breaks ties between hashes.
      return inRound(state, { votes: { ...others, [node]: { ...vote!, revealed: { score, sha256 } } } });
    }
    default:
      return state;
  }
}

/** State after one more event. */
export function evolve(state: FederationState, event: FederationEvent): FederationState {
  switch (event.type) {
    case 'skein.federation.task.proposed.v1': {
      const { id, creator, requestId, manifest, weightsSha256 } = event.data;
      return { ...state, phase: 'proposed', id, creator, requestId, manifest, modelSha256: weightsSha256, models: [weightsSha256] };
    }
    case 'skein.federation.task.approved.v1': {
      const { pool, joiningDueAtMs } = event.data;
      return { ...state, phase: 'joining', joiningDueAtMs, pool: { ...EMPTY_POOL, granted: pool, left: pool } };
    }
    case 'skein.federation.node.joined.v1': {
      const member = { slashed: 0n, examples: 0, ...state.members[event.data.node], out: false };
      return { ...state, members: { ...state.members, [event.data.node]: member } };
    }
    case 'skein.federation.node.excluded.v1': {
      const member = { ...state.members[event.data.node]!, out: true };
      return { ...state, members: { ...state.members, [event.data.node]: member } };
    }
    case 'skein.federation.joining.closed.v1':
      return { ...state, phase: 'roles' };
    case 'skein.federation.round.opened.v1': {
      const { round, beacon, proposers, voters, contributingDueAtMs } = event.data;
      const empty = { contributions: {}, late: [], votes: {} };
      const drawn = { beaconValue: beacon.value, proposers, voters };
      const opened: RoundState = { round, phase: 'contributing', dueAtMs: contributingDueAtMs, ...drawn, ...empty };
      return { ...state, phase: 'round', round: opened };
    }
    case 'skein.federation.round.settled.v1': {
      const next = withoutRound(credited(moved(state, event.data), event.data.outcome), 'roles');
      const { modelSha256 } = event.data;
      return { ...next, modelSha256, models: state.models.includes(modelSha256) ? state.models : [...state.models, modelSha256] };
    }
    case 'skein.federation.round.voided.v1': {
      const { rejoinDueAtMs } = event.data;
      const next = withoutRound(moved(state, event.data), rejoinDueAtMs === undefined ? 'roles' : 'joining');
      return rejoinDueAtMs === undefined ? next : { ...next, joiningDueAtMs: rejoinDueAtMs };
    }
    case 'skein.federation.deadline.extended.v1': {
      const { phase, dueAtMs } = event.data;
      return phase === 'joining' ? { ...state, joiningDueAtMs: dueAtMs } : inRound(state, { dueAtMs });
    }
    case 'skein.federation.slash.finalised.v1': {
      const { [event.data.caseId]: _final, ...openSlashes } = state.openSlashes;
      return { ...state, openSlashes };
    }
    case 'skein.federation.task.finished.v1':
      return { ...state, phase: 'finished' };
    case 'skein.federation.model.exported.v1':
      return { ...state, exportedSha256: event.data.sha256 };
    default:
      return state.round ? evolveRound(state, state.round, event) : state;
  }
}
