import { Inject, Injectable } from '@nestjs/common';
import type { EventStore, Reactor, RecordedEvent } from '@skein/events';
import { unwrap } from '@skein/kernel';
import type { ArtifactStore } from '@skein/artifacts';
import { ARTIFACTS, EVENT_STORE } from '@skein/platform';
import { type EmissionCandidate, EMISSION_STREAM, emissionDecider, emissionOf, type EmissionState } from '../domain/emission/emission.decider.js';
import { type FinalCommand, finalDecider, finalStream } from '../domain/final/final.decider.js';
import type { FinalConcluded } from '../domain/final/final.events.js';
import type { EpochClosed } from '../domain/epoch/epoch.events.js';
import { type Participant, type StakeBlock, emissionWeight, participantsOf } from '../domain/task/participants.policy.js';
import type { EpochRecorded, TaskCancelled, TaskEvent, TaskFinished } from '../domain/task/task.events.js';
import type { TaskState } from '../domain/task/task.state.js';
import { EpochCommands, SUBMISSION_DATA } from './epoch-commands.js';
import { ACTIVE_TASKS, type ActiveTasks, STAKES, type StakeReader } from './ports.js';
import { type Origin, TaskCommands } from './task-commands.js';
import { follows } from './timers.js';

/** Links that one span takes, by OpenTelemetry's default. */
const LINKS_MAX = 128;

/** Tasks that are looked at for leaving the calendar, each time it goes on. */
const OVER_MAX = 20;

type ProcessEvent = TaskEvent | EpochClosed | FinalConcluded;
const NAME = 'arena_process';

/** Services that build on a task's winner may read its bytes once the task has finished. */
const READERS_OF_WINNERS = ['service:marketplace', 'service:fl-aggregator'];

/**
 * Carries a task from stream to stream: each event becomes one command, given once by the inbox. Whatever is interrupted goes
 * on from the reactor's checkpoint.
 */
@Injectable()
export class ArenaProcess implements Reactor {
  readonly name = NAME;
  readonly types = [
    'skein.arena.task.approved.v1',
    'skein.arena.task.training-started.v1',
    'skein.arena.task.epoch-recorded.v1',
    'skein.arena.task.final-validation-started.v1',
    'skein.arena.task.cancelled.v1',
    'skein.arena.task.finished.v1',
    'skein.arena.epoch.closed.v1',
    'skein.arena.final.concluded.v1',
  ];

  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(TaskCommands) private readonly tasks: TaskCommands,
    @Inject(EpochCommands) private readonly epochs: EpochCommands,
    @Inject(STAKES) private readonly stakes: StakeReader,
    @Inject(ACTIVE_TASKS) private readonly active: ActiveTasks,
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
  ) {}

  async handle(recorded: RecordedEvent): Promise<void> {
    const event = { type: recorded.type, data: recorded.data } as ProcessEvent;
    const origin: Origin = { metadata: follows(recorded), inbox: { consumer: NAME, messageId: recorded.eventId } };
    switch (event.type) {
      case 'skein.arena.task.approved.v1':
        return void unwrap(await this.tasks.considerStart(event.data.taskId, false, origin));
      case 'skein.arena.task.training-started.v1':
        return event.data.firstEpochAtMs <= recorded.recordedAtMs ? this.openEpoch(event.data.taskId, 1, origin) : undefined;
      case 'skein.arena.task.epoch-recorded.v1':
        return this.afterEpoch(event.data, recorded.recordedAtMs, origin);
      case 'skein.arena.task.final-validation-started.v1':
        return this.requestFinal(event.data.taskId, origin);
      case 'skein.arena.task.cancelled.v1':
        return this.cancelEpoch(event.data, origin);
      case 'skein.arena.task.finished.v1':
        return this.grantWinner(event.data);
      case 'skein.arena.epoch.closed.v1':
        return this.recordEpoch(event.data, origin);
      case 'skein.arena.final.concluded.v1':
        return this.beginChallenge(event.data, origin);
      default:
        return;
    }
  }

  private async afterEpoch({ taskId, nextEpoch, nextEpochAtMs }: EpochRecorded['data'], recordedAtMs: number, origin: Origin): Promise<void> {
    if (nextEpoch > 0 && nextEpochAtMs <= recordedAtMs) await this.openEpoch(taskId, nextEpoch, origin);
  }

  /** Gives the epoch its part of the emission, then opens it. Both are decided once, however often this runs. */
  async openEpoch(taskId: string, epoch: number, origin: Origin): Promise<void> {
    const task = await this.tasks.state(taskId);
    if (task.status !== 'training' || task.epoch !== epoch) return;
    const { rewardEpoch, units } = await this.allocate(taskId, epoch, origin);
    const takingPart = await this.takingPart(task);
    const { requestId, policy, policyVersion, carriedUnits, entries, commits, quotaCredits } = task;
    const body = {
      kind: 'open' as const,
      taskId,
      taskRequestId: requestId,
      epoch,
      policyVersion,
      policy: policy!,
      ...takingPart,
      rewardEpoch,
      mintedUnits: units,
      carriedInUnits: carriedUnits,
      entries,
      orderBase: commits,
      quotaCredits,
    };
    unwrap(await this.epochs.run(taskId, epoch, body, origin));
  }

  private async takingPart({ taskId, policy }: TaskState): Promise<{ participants: Participant[]; stakeBlock?: StakeBlock }> {
    const { positions, ...asOf } = await this.stakes.stakesOf(taskId);
    return { participants: participantsOf(positions, policy!.rules), ...asOf };
  }

  private async candidate(taskId: string): Promise<EmissionCandidate[]> {
    const task = await this.tasks.state(taskId);
    if (task.status !== 'training') return [];
    const { epochs, epochSeconds } = task.policy!.schedule;
    const { participants, ...asOf } = await this.takingPart(task);
    return [{ taskId, epoch: task.epoch, epochs, epochSeconds, weight: emissionWeight(participants, task.policy!.rules.rewardWeight), ...asOf }];
  }

  /** Tasks of the calendar that will never train again. By their own streams: the read model that names candidates lags. */
  private async over(calendar: EmissionState, candidates: readonly EmissionCandidate[]): Promise<string[]> {
    const present = new Set(candidates.map(({ taskId }) => taskId));
    const others = [...calendar.tasks.keys()].filter((taskId) => !present.has(taskId)).slice(0, OVER_MAX);
    const states = await Promise.all(others.map((taskId) => this.tasks.state(taskId)));
    return others.filter((_, at) => states[at]!.status !== 'training');
  }

  private async allocate(taskId: string, epoch: number, { metadata }: Origin): Promise<{ rewardEpoch: number; units: bigint }> {
    const done = unwrap(
      await this.store.execute({
        decider: emissionDecider,
        streamId: EMISSION_STREAM,
        command: async (nowMs, calendar) => {
          const others = (await this.active.inTraining()).filter((id) => id !== taskId);
          const candidates = (await Promise.all([taskId, ...others].map((id) => this.candidate(id)))).flat();
          return { kind: 'allocate' as const, taskId, epoch, candidates, over: await this.over(calendar, candidates), nowMs };
        },
        metadata,
      }),
    );
    const { state } = await this.store.state(emissionDecider, done.streamId);
    return emissionOf(state, taskId, epoch) ?? { rewardEpoch: state.nextRewardEpoch, units: 0n };
  }

  private async recordEpoch(closed: EpochClosed['data'], origin: Origin): Promise<void> {
    const { taskId, epoch, lockedUnits, carriedOutUnits, stakes, entries, commits, quotaCredits } = closed;
    const body = { kind: 'record-epoch' as const, epoch, lockedUnits, carriedOutUnits, stakes, entries, commits, quotaCredits };
    unwrap(await this.tasks.run(taskId, (nowMs) => ({ ...body, nowMs }), origin));
  }

  /** The division of the locked pool is linked to the ways in which all that it ranks have come. */
  private async beginChallenge({ taskId, concludedAtMs: _, ...conclusion }: FinalConcluded['data'], { metadata, inbox }: Origin): Promise<void> {
    const { epoch } = await this.tasks.state(taskId);
    const links = (await this.epochs.arrivals(taskId, epoch, new Set(conclusion.ranking.map(({ submissionId }) => submissionId)))).slice(0, LINKS_MAX);
    const linked = links.length === 0 ? metadata : { ...metadata, links };
    unwrap(await this.tasks.run(taskId, (nowMs) => ({ kind: 'begin-challenge', ...conclusion, nowMs }), { metadata: linked, ...(inbox ? { inbox } : {}) }));
  }

  private async requestFinal(taskId: string, origin: Origin): Promise<void> {
    const task = await this.tasks.state(taskId);
    const policy = task.policy!;
    const takingPart = await this.takingPart(task);
    const submissions = task.entries.map(({ submissionId, owner, artifactSha256, order }) => ({ submissionId, owner, artifactSha256, order }));
    const body = {
      kind: 'request' as const,
      taskId,
      round: policy.schedule.epochs + 1,
      submissions,
      ...takingPart,
      policy,
      taskRequestId: task.requestId,
      lockedUnits: task.lockedUnits,
      stakes: task.stakes,
    };
    const command = (nowMs: number): FinalCommand => ({ ...body, nowMs });
    unwrap(await this.store.execute({ decider: finalDecider, streamId: finalStream(taskId), command, ...origin }));
  }

  private async cancelEpoch({ taskId, epoch }: TaskCancelled['data'], origin: Origin): Promise<void> {
    if (epoch === 0) return;
    const { phase } = await this.epochs.state(taskId, epoch);
    if (phase !== 'none') unwrap(await this.epochs.run(taskId, epoch, { kind: 'cancel' }, origin));
  }

  private async grantWinner({ ranking, creator }: TaskFinished['data']): Promise<void> {
    const winner = ranking[0];
    if (!winner) return;
    for (const reader of [...READERS_OF_WINNERS, creator])
      // An owner that has deleted its bytes leaves nothing to grant; that must not hold up other tasks.
      await this.artifacts.grant({ sha256: winner.artifactSha256, reader, purpose: SUBMISSION_DATA, grantedBy: winner.owner });
  }
}

