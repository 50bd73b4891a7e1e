import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import type { Effect, EventMetadata, EventStore, Execute, Executed, InboxEntry, Recorded } from '@skein/events';
import { type IdSource, type Rejection, type Result, ok, reject } from '@skein/kernel';
import { ARTIFACTS, EVENT_STORE, IDS } from '@skein/platform';
import type { TaskCommand } from '../domain/task/task.commands.js';
import { taskDecider, taskStream } from '../domain/task/task.decider.js';
import type { TaskEvent } from '../domain/task/task.events.js';
import { participantsOf } from '../domain/task/participants.policy.js';
import type { TaskPolicy } from '../domain/task/task.policy.js';
import type { TaskState } from '../domain/task/task.state.js';
import { type NamedSet, SERVICE_PRINCIPAL, TASK_DATA, checkDataSets } from './data-sets.js';
import { STAKES, type StakeReader } from './ports.js';
import { TIMER, taskTimer } from './timers.js';

type Key = NonNullable<Execute<TaskState, TaskCommand, TaskEvent>['key']>;
type Outcome<A = undefined> = Promise<Result<Executed<A>, Rejection>>;

/** Where a command comes from: a caller with an idempotency key, or a message or timer with an inbox entry. */
export interface Origin {
  readonly metadata: EventMetadata;
  readonly key?: Key;
  readonly inbox?: InboxEntry;
}

/** A proposal as it came in: the policy but for what only the files can tell. */
export interface Proposal {
  readonly requestId: string;
  readonly creator: string;
  readonly policy: Omit<TaskPolicy, 'dataSets'>;
  readonly training: NamedSet;
  readonly rotating: readonly NamedSet[];
  readonly heldBack: NamedSet;
  readonly labelColumn: string;
}

const cancelStaking = ({ taskId }: TaskState): Effect => ({ cancelTimer: { id: `${TIMER.stakingDue}/${taskId}` } });

/** Timers in the transaction of the events that need them. */
function taskEffects(events: readonly Recorded<TaskEvent>[], state: TaskState): Effect[] {
  return events.flatMap((event): Effect[] => {
    // What is due at once is opened by the reactor, without a timer.
    const openLater = (atMs: number): Effect[] => (atMs > event.recordedAtMs ? [taskTimer(TIMER.epochDue, state.taskId, atMs, event)] : []);
    switch (event.type) {
      case 'skein.arena.task.approved.v1':
        return [taskTimer(TIMER.stakingDue, state.taskId, event.data.stakingDueAtMs, event)];
      case 'skein.arena.task.training-started.v1':
        return [cancelStaking(state), ...openLater(event.data.firstEpochAtMs)];
      case 'skein.arena.task.cancelled.v1':
        return [cancelStaking(state), { cancelTimer: { id: `${TIMER.epochDue}/${state.taskId}` } }];
      case 'skein.arena.task.epoch-recorded.v1':
        return event.data.nextEpoch > 0 ? openLater(event.data.nextEpochAtMs) : [];
      case 'skein.arena.task.challenge-started.v1':
        return [taskTimer(TIMER.challengeDue, state.taskId, event.data.challengeDueAtMs, event)];
      default:
        return [];
    }
  });
}

/** Commands on a task's stream. */
@Injectable()
export class TaskCommands {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
    @Inject(STAKES) private readonly stakes: StakeReader,
    @Inject(IDS) private readonly ids: IdSource,
  ) {}

  async propose(proposal: Proposal, origin: Origin): Promise<Result<Executed<{ taskId: string }>, Rejection>> {
    const { creator, training, rotating, heldBack, labelColumn, requestId } = proposal;
    const named = [training, ...rotating, heldBack];
    const inputSize = proposal.policy.input.shape.reduce((size, one) => size * one, 1);
    const checked = await checkDataSets(this.artifacts, creator, named, labelColumn, inputSize);
    if (!checked.ok) return checked;
    // Before the decision: a task that exists can always read its sets; a grant without a task harms nobody.
    for (const { sha256 } of named) {
      const granted = await this.artifacts.grant({ sha256, reader: SERVICE_PRINCIPAL, purpose: TASK_DATA, grantedBy: creator });
      if (!granted.ok) return granted;
    }
    const { facts } = checked.value;
    const dataSets = { training: facts[0]!, rotating: facts.slice(1, -1), heldBack: facts.at(-1)!, labelColumn: checked.value.labelColumn };
    const taskId = this.ids.uuidV7();
    return this.store.execute({
      decider: taskDecider,
      streamId: taskStream(taskId),
      command: (nowMs): TaskCommand => ({ kind: 'propose', taskId, requestId, creator, policy: { ...proposal.policy, dataSets }, nowMs }),
      ...origin,
      answer: () => ({ taskId }),
    });
  }

  approve(taskId: string, origin: Origin): Outcome<{ policyVersion: number; stakingDueAtMs: number }> {
    return this.store.execute({
      decider: taskDecider,
      streamId: taskStream(taskId),
      command: (nowMs): TaskCommand => ({ kind: 'approve', nowMs }),
      ...origin,
      effects: taskEffects,
      answer: ({ policyVersion, stakingDueAtMs }) => ({ policyVersion, stakingDueAtMs }),
    });
  }

  /** Starts training where the conditions hold; asked after every change of stakes, at the deadline, and by the operator. */
  considerStart(taskId: string, byOperator: boolean, origin: Origin): Outcome {
    return this.store.execute({
      decider: taskDecider,
      streamId: taskStream(taskId),
      command: async (nowMs, state): Promise<TaskCommand> => {
        if (!state.policy) return { kind: 'consider-start', participants: [], byOperator, nowMs };
        const { positions, ...asOf } = await this.stakes.stakesOf(taskId);
        return { kind: 'consider-start', participants: participantsOf(positions, state.policy.rules), ...asOf, byOperator, nowMs };
      },
      ...origin,
      effects: taskEffects,
    });
  }

  cancel(taskId: string, by: Extract<TaskCommand, { kind: 'cancel' }>['by'], reason: string, origin: Origin): Outcome {
    return this.run(taskId, (nowMs) => ({ kind: 'cancel', by, reason, nowMs }), origin);
  }

  finish(taskId: string, origin: Origin): Outcome {
    return this.run(taskId, (nowMs) => ({ kind: 'finish', nowMs }), origin);
  }

  run(taskId: string, command: (nowMs: number) => TaskCommand, origin: Origin): Outcome {
    return this.store.execute({ decider: taskDecider, streamId: taskStream(taskId), command, ...origin, effects: taskEffects });
  }

  async state(taskId: string): Promise<TaskState> {
    return (await this.store.state(taskDecider, taskStream(taskId))).state;
  }

  /** The public training set may be read by whoever asks, from the approval on. */
  async grantTrainingSet(taskId: string, reader: string): Promise<Result<string, Rejection>> {
    const { status, policy, creator } = await this.state(taskId);
    if (!policy) return reject('not-found', 'task-not-found', 'there is no such task', 'task');
    if (status === 'draft') return reject('failed-precondition', 'task-not-open', 'the task has not been approved', 'task');
    const { sha256 } = policy.dataSets.training;
    const granted = await this.artifacts.grant({ sha256, reader, purpose: TASK_DATA, grantedBy: creator });
    return granted.ok ? ok(sha256) : granted;
  }
}
