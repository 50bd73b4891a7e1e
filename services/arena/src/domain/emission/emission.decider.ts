import { type Decider, type DomainEvent, ok, type SnapshotCodec } from '@skein/kernel';
import { divideAmongTasks, emissionOfEpoch } from '../reward/emission.policy.js';
import type { StakeBlock } from '../task/participants.policy.js';

/** One task's part of a reward epoch: it pays the task's epoch of that number. */
export interface EmissionPart {
  readonly taskId: string;
  readonly epoch: number;
  readonly weight: bigint;
  readonly units: bigint;
  /** Final block that the stakes behind its weight are as of; absent where none was recorded. */
  readonly stakeBlock?: StakeBlock;
}

/** A task in training: in which epoch it is, how many it has, and what its stake weighs. */
export interface EmissionCandidate {
  readonly taskId: string;
  readonly epoch: number;
  readonly epochs: number;
  readonly epochSeconds: number;
  readonly weight: bigint;
  readonly stakeBlock?: StakeBlock;
}

/** How far a task has come: nobody asks for its parts of earlier epochs any more. */
export interface EmissionReached {
  readonly taskId: string;
  readonly epoch: number;
}

/** Schema version 2: with `reached`, where there was nothing to forget by. */
export type EmissionAllocated = DomainEvent<
  'skein.arena.emission.allocated.v1',
  { rewardEpoch: number; day: number; seconds: number; totalUnits: bigint; parts: readonly EmissionPart[]; reached: readonly EmissionReached[]; allocatedAtMs: number }
>;

/** What an epoch of a task was given, and of which reward epoch. */
export interface GivenPart {
  readonly epoch: number;
  readonly rewardEpoch: number;
  readonly units: bigint;
}

export interface EmissionState {
  readonly nextRewardEpoch: number;
  /** Seconds of the emission calendar that have been given out. */
  readonly emittedSeconds: bigint;
  /** By task: the parts of its present epoch and of those to come, in order. What a task has passed, and tasks that are over, are in the log alone. */
  readonly tasks: ReadonlyMap<string, readonly GivenPart[]>;
}

export interface EmissionCommand {
  readonly kind: 'allocate';
  readonly taskId: string;
  readonly epoch: number;
  /** All tasks in training, this one included, as they are now. */
  readonly candidates: readonly EmissionCandidate[];
  /** Of the tasks that the state knows: those that are in training no more, and never will be. */
  readonly over: readonly string[];
  readonly nowMs: number;
}

/** An event is limited, and a calendar of before version 2 has every task there ever was: they leave it by and by. */
const REACHED_MAX = 100;

/** What a task's epoch was given, if it was and may still be asked for. */
export const emissionOf = (state: EmissionState, taskId: string, epoch: number): GivenPart | undefined => state.tasks.get(taskId)?.find((part) => part.epoch === epoch);

/** The first epoch of a task that has no part. What the state has forgotten, the task has passed. */
const nextEpoch = (state: EmissionState, { taskId, epoch }: EmissionReached): number => Math.max((state.tasks.get(taskId)?.at(-1)?.epoch ?? 0) + 1, epoch);

const partOf = ({ taskId, weight, stakeBlock }: EmissionCandidate, epoch: number, units: bigint): EmissionPart => ({
  taskId, epoch, weight, units, ...(stakeBlock === undefined ? {} : { stakeBlock }),
});

/** What may be forgotten with the next event. */
function reachedBy({ candidates, over }: EmissionCommand, { tasks }: EmissionState): EmissionReached[] {
  const passed = candidates.flatMap(({ taskId, epoch }) => ((tasks.get(taskId)?.[0]?.epoch ?? epoch) < epoch ? [{ taskId, epoch }] : []));
  const ended = over.flatMap((taskId) => {
    const last = tasks.get(taskId)?.at(-1);
    return last === undefined ? [] : [{ taskId, epoch: last.epoch + 1 }];
  });
  return [...passed, ...ended].slice(0, REACHED_MAX);
}

function evolve(state: EmissionState, { data }: EmissionAllocated): EmissionState {
  const tasks = new Map(state.tasks);
  for (const { taskId, epoch } of data.reached) {
    const left = (tasks.get(taskId) ?? []).filter((part) => part.epoch >= epoch);
    if (left.length === 0) tasks.delete(taskId);
    else tasks.set(taskId, left);
  }
  for (const { taskId, epoch, units } of data.parts) tasks.set(taskId, [...(tasks.get(taskId) ?? []), { epoch, rewardEpoch: data.rewardEpoch, units }]);
  return { nextRewardEpoch: data.rewardEpoch + 1, emittedSeconds: state.emittedSeconds + BigInt(data.seconds), tasks };
}

/** As it is kept: the tasks in order, so that equal states are equal texts. Raise the version with every change of state or `evolve`. */
const snapshot: SnapshotCodec<EmissionState> = {
  name: 'emission',
  version: 1,
  every: 250,
  encode: ({ tasks, ...calendar }) => ({ ...calendar, tasks: [...tasks].sort(([a], [b]) => (a < b ? -1 : 1)) }),
  decode: (kept) => {
    const { tasks, ...calendar } = kept as Omit<EmissionState, 'tasks'> & { readonly tasks: readonly (readonly [string, readonly GivenPart[]])[] };
    return { ...calendar, tasks: new Map(tasks) };
  },
};

/**
 * The emission calendar of the deployment, one reward epoch after the other, each given out once. A task that opens an epoch
 * divides the next reward epoch among all tasks in training, for the next epoch of each that has no part yet. Stream `emission`.
 */
export const emissionDecider: Decider<EmissionState, EmissionCommand, EmissionAllocated> = {
  initialState: () => ({ nextRewardEpoch: 0, emittedSeconds: 0n, tasks: new Map() }),
  decide(command, state) {
    const { taskId, epoch, candidates, nowMs } = command;
    const own = candidates.find((one) => one.taskId === taskId);
    // Of an epoch that the task has left, which was given out and may be forgotten: whoever asks has stood still for long.
    if (!own || own.epoch !== epoch || emissionOf(state, taskId, epoch)) return ok([]);
    const open = candidates
      .filter((one) => one.epochSeconds === own.epochSeconds && nextEpoch(state, one) <= one.epochs)
      .sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
    const seconds = own.epochSeconds;
    const totalUnits = emissionOfEpoch(state.emittedSeconds, BigInt(seconds));
    const amounts = divideAmongTasks(totalUnits, open.map(({ weight }) => weight));
    const parts = open.map((one, index) => partOf(one, nextEpoch(state, one), amounts[index]!));
    const day = Number(state.emittedSeconds / 86_400n);
    const data = { rewardEpoch: state.nextRewardEpoch, day, seconds, totalUnits, parts, reached: reachedBy(command, state), allocatedAtMs: nowMs };
    return ok([{ type: 'skein.arena.emission.allocated.v1', data }]);
  },
  evolve,
  // An event for each reward epoch, for as long as there are tasks.
  snapshot,
};

export const EMISSION_STREAM = 'emission';
