import type { Metric } from './metric.policy.js';

export interface TensorShape {
  readonly name: string;
  readonly elementType: string;
  /** Sizes after the batch dimension. */
  readonly shape: readonly number[];
}

export interface ModelLimits {
  readonly bytesMax: number;
  readonly parametersMax: number;
  readonly opsetMin: number;
  readonly opsetMax: number;
  readonly millisecondsPerRowMax: number;
}

/** A data set as checked when the task was proposed: its name, its rows, and a digest of its sorted row hashes. */
export interface DataSetFact {
  readonly sha256: string;
  readonly rows: number;
  readonly rowsDigest: string;
}

export interface TaskDataSets {
  readonly training: DataSetFact;
  /** Take turns at ranking the epochs. */
  readonly rotating: readonly DataSetFact[];
  /** Ranks the end. */
  readonly heldBack: DataSetFact;
  readonly labelColumn: string;
}

export interface TaskSchedule {
  readonly epochs: number;
  readonly epochSeconds: number;
  readonly stakingSeconds: number;
  readonly commitSeconds: number;
  readonly revealSeconds: number;
  readonly scoringSeconds: number;
  readonly challengeSeconds: number;
  readonly vestingSeconds: number;
  readonly earlyClose: boolean;
  readonly nodesExpected: number;
  readonly validatorsExpected: number;
}

export interface TaskRules {
  readonly quotaPerEpoch: number;
  readonly validatorsPerSubmission: number;
  readonly quorum: number;
  readonly consensus: 'median' | 'mean';
  readonly lambdaNano: bigint;
  readonly toleranceNano: bigint;
  readonly boardStepNano: bigint;
  readonly assignmentIntervalSeconds: number;
  readonly nodeStakeMinUnits: bigint;
  readonly validatorStakeMinUnits: bigint;
  readonly rewardWeight: number;
  readonly gammaPpm: number;
  readonly rankShare: 'geometric' | 'ladder';
  readonly qPpm: number;
  readonly alphaHalf: boolean;
  readonly ladderUPpm: number;
  readonly paidBps: number;
  readonly finalStake: 'mean' | 'last';
  readonly slashingPolicy: 'none';
}

/** Everything that is fixed when a task is approved. */
export interface TaskPolicy {
  readonly title: string;
  readonly goal: string;
  readonly metric: Metric;
  readonly input: TensorShape;
  readonly output: TensorShape;
  readonly limits: ModelLimits;
  readonly dataSets: TaskDataSets;
  readonly schedule: TaskSchedule;
  readonly rules: TaskRules;
}

/** When training's first epoch opens: at once with early close, else with the next UTC day (or whatever the nominal length is). */
export function firstEpochAtMs({ earlyClose, epochSeconds }: TaskSchedule, nowMs: number): number {
  const lengthMs = epochSeconds * 1000;
  return earlyClose ? nowMs : Math.ceil(nowMs / lengthMs) * lengthMs;
}

/** The latest time at which the task can be over if every window runs to its deadline. */
export function latestEndMs(schedule: TaskSchedule, approvedAtMs: number): number {
  const epoch = Math.max(schedule.epochSeconds, schedule.commitSeconds + schedule.revealSeconds + schedule.scoringSeconds);
  const wait = schedule.earlyClose ? 0 : schedule.epochSeconds;
  const seconds = schedule.stakingSeconds + wait + schedule.epochs * epoch + schedule.scoringSeconds + schedule.challengeSeconds;
  return approvedAtMs + seconds * 1000;
}

/** The hidden set that ranks an epoch: the rotating sets in turn. */
export const rotatingSetOf = (policy: TaskPolicy, epoch: number): DataSetFact =>
  policy.dataSets.rotating[(epoch - 1) % policy.dataSets.rotating.length]!;
