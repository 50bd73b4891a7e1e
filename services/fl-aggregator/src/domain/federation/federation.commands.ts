import type { BeaconDraw } from '@skein/kernel';
import type { StakeBlock, TimedPhase } from './federation.events.js';
import type { Manifest } from './manifest.js';

interface Timed {
  readonly nowMs: number;
}

export interface ProposeTask {
  readonly kind: 'propose';
  readonly id: string;
  readonly creator: string;
  readonly manifest: Manifest;
  /** Starting weights as an artifact of tensors, taken from the forward graph. */
  readonly weightsSha256: string;
  /** The client's request id: seeds the beacon, so that equal seeds give equal draws. */
  readonly requestId: string;
}
export interface ApproveTask extends Timed {
  readonly kind: 'approve';
  readonly pool: bigint;
}
/** As of what stakes are final. */
interface AsOf {
  /** Those of the task's open cases whose slash the stakes already have. */
  readonly finalCases: readonly string[];
  /** The final block; absent where none is known. */
  readonly stakeBlock?: StakeBlock;
}
export interface JoinTask extends AsOf {
  readonly kind: 'join';
  readonly node: string;
  /** Finalised stake of the wallet on this task. */
  readonly stake: bigint;
}
/** Draws the roles of a round. `stakes` are the finalised stakes of all members. */
export interface OpenRound extends Timed, AsOf {
  readonly kind: 'open-round';
  readonly round: number;
  readonly stakes: Readonly<Record<string, bigint>>;
  readonly beacon: BeaconDraw;
}
/** An update that already passed the door checks on its bytes. */
export interface Contribute extends Timed {
  readonly kind: 'contribute';
  readonly round: number;
  readonly node: string;
  readonly sha256: string;
  readonly examples: number;
  readonly norm: number;
}
/** Result of the aggregation job: the bytes' hash and each proposer's robust score. */
export interface RecordAggregate extends Timed {
  readonly kind: 'record-aggregate';
  readonly round: number;
  readonly sha256: string;
  readonly scores: Readonly<Record<string, number>>;
}
export interface CommitVote extends Timed {
  readonly kind: 'commit-vote';
  readonly round: number;
  readonly node: string;
  readonly commit: string;
}
export interface RevealVote extends Timed {
  readonly kind: 'reveal-vote';
  readonly round: number;
  readonly node: string;
  readonly score: number;
  readonly sha256: string;
  readonly salt: string;
}
/**
 * A deadline has passed: by a timer, or called for by a wallet (which then earns the caller's part). Out of season it does
 * nothing. Long after the deadline the platform was away, and the phase is extended instead.
 */
export interface ClosePhase extends Timed {
  readonly kind: 'close-phase';
  readonly round: number;
  readonly phase: TimedPhase;
  readonly caller?: string;
}
/** Result of the export job: the final weights in the forward graph, as ONNX. */
export interface RecordExport {
  readonly kind: 'record-export';
  readonly sha256: string;
}

/** A final block has a slash that was decided here. Of one that is not open any more, or never was, nothing follows. */
export interface FinaliseSlash {
  readonly kind: 'finalise-slash';
  readonly caseId: string;
}

/** Everything that can be asked of a federated task. */
export type FederationCommand =
  | ProposeTask
  | ApproveTask
  | JoinTask
  | OpenRound
  | Contribute
  | RecordAggregate
  | CommitVote
  | RevealVote
  | ClosePhase
  | RecordExport
  | FinaliseSlash;
