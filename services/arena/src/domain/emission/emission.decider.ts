import { type Decider, type DomainEvent, PersistentMap, ok } from '@skein/kernel';
import { divideAmongTasks, emissionOfEpoch } from '../reward/emission.policy.js';

/** One task's part of a reward epoch: it pays the task's epoch of that number. */
export interface EmissionPart {
  readonly taskId: string;
  readonly epoch: number;
  readonly weight: bigint;
  readonly units: bigint;
}

/** A task in training: how many epochs it has and what its stake weighs. */
export interface EmissionCandidate {
  readonly taskId: string;
  readonly epochs: number;
  readonly epochSeconds: number;
  readonly weight: bigint;
}

export type EmissionAllocated = DomainEvent<
  'skein.arena.emission.allocated.v1',
  { rewardEpoch: number; day: number; seconds: number; totalUnits: bigint; parts: readonly EmissionPart[]; allocatedAtMs: number }
>;

export interface EmissionState {
  readonly nextRewardEpoch: number;
  /** Seconds of the emission calendar that have been given out. */
  readonly emittedSeconds: bigint;
  /** Last epoch of each task that has its part. */
  readonly lastEpoch: PersistentMap<number>;
  readonly parts: PersistentMap<EmissionPart & { readonly rewardEpoch: number }>;
}

export interface EmissionCommand {
  readonly kind: 'allocate';
  readonly taskId: string;
  readonly epoch: number;
  /** All tasks in training, this one included. */
  readonly candidates: readonly EmissionCandidate[];
  readonly nowMs: number;
}

const partKey = (taskId: string, epoch: number): string => `${taskId}/${epoch}`;

/** What a task's epoch was given, if it was. */
export const emissionOf = (state: EmissionState, taskId: string, epoch: number): { rewardEpoch: number; units: bigint } | undefined =>
  state.parts.get(partKey(taskId, epoch));

/**
 * The emission calendar of the deployment, one reward epoch after the other, each given out once. A task that opens an epoch
 * divides the next reward epoch among all tasks in training, for the next epoch of each that has no part yet. Stream `emission`.
 */
export const emissionDecider: Decider<EmissionState, EmissionCommand, EmissionAllocated> = {
  initialState: () => ({ nextRewardEpoch: 0, emittedSeconds: 0n, lastEpoch: PersistentMap.empty(), parts: PersistentMap.empty() }),
  decide({ taskId, epoch, candidates, nowMs }, state) {
    if (emissionOf(state, taskId, epoch)) return ok([]);
    const own = candidates.find((one) => one.taskId === taskId);
    if (!own) return ok([]);
    const open = candidates
      .filter((one) => one.epochSeconds === own.epochSeconds && (state.lastEpoch.get(one.taskId) ?? 0) < one.epochs)
      .sort((a, b) => (a.taskId < b.taskId ? -1 : 1));
    const seconds = own.epochSeconds;
    const totalUnits = emissionOfEpoch(state.emittedSeconds, BigInt(seconds));
    const amounts = divideAmongTasks(totalUnits, open.map(({ weight }) => weight));
    const parts = open.map((one, index) => ({ taskId: one.taskId, epoch: (state.lastEpoch.get(one.taskId) ?? 0) + 1, weight: one.weight, units: amounts[index]! }));
    const day = Number(state.emittedSeconds / 86_400n);
    return ok([{ type: 'skein.arena.emission.allocated.v1', data: { rewardEpoch: state.nextRewardEpoch, day, seconds, totalUnits, parts, allocatedAtMs: nowMs } }]);
  },
  evolve(state, { data }) {
    let { lastEpoch, parts } = state;
    for (const part of data.parts) {
      lastEpoch = lastEpoch.with(part.taskId, part.epoch);
      parts = parts.with(partKey(part.taskId, part.epoch), { ...part, rewardEpoch: data.rewardEpoch });
    }
    return { nextRewardEpoch: data.rewardEpoch + 1, emittedSeconds: state.emittedSeconds + BigInt(data.seconds), lastEpoch, parts };
  },
};

export const EMISSION_STREAM = 'emission';
