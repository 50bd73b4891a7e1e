import type { Projection, RecordedEvent, Tx } from '@skein/events';
import { canonicalJson } from '@skein/kernel';
import type { EpochEvent } from '../domain/epoch/epoch.events.js';
import type { TaskEvent } from '../domain/task/task.events.js';

type Event = TaskEvent | EpochEvent;

const set = (tx: Tx, taskId: string, columns: Record<string, unknown>): Promise<unknown> => {
  const names = Object.keys(columns);
  return tx.query(`UPDATE tasks SET ${names.map((name, index) => `${name} = $${index + 2}`).join(', ')} WHERE task_id = $1`, [taskId, ...Object.values(columns)]);
};

async function propose(tx: Tx, recorded: RecordedEvent, data: Extract<TaskEvent, { type: 'skein.arena.task.proposed.v1' }>['data']): Promise<void> {
  await tx.query('INSERT INTO tasks (task_id, position, status, creator, policy, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)', [
    data.taskId,
    recorded.position.toString(),
    'draft',
    data.creator,
    canonicalJson(data.policy),
    data.proposedAtMs,
  ]);
}

async function applyTask(tx: Tx, event: Event): Promise<unknown> {
  switch (event.type) {
    case 'skein.arena.task.approved.v1': {
      const { taskId, policyVersion, stakingDueAtMs } = event.data;
      return set(tx, taskId, { status: 'open', policy_version: policyVersion, due_at_ms: stakingDueAtMs });
    }
    case 'skein.arena.task.training-started.v1': {
      const count = (role: string): number => event.data.participants.filter((one) => one.role === role).length;
      return set(tx, event.data.taskId, { status: 'training', epoch: 1, due_at_ms: event.data.firstEpochAtMs, nodes: count('node'), validators: count('validator') });
    }
    case 'skein.arena.task.epoch-recorded.v1': {
      const { taskId, nextEpoch, nextEpochAtMs } = event.data;
      return nextEpoch > 0 ? set(tx, taskId, { epoch: nextEpoch, epoch_phase: '', due_at_ms: nextEpochAtMs }) : undefined;
    }
    case 'skein.arena.task.final-validation-started.v1':
      return set(tx, event.data.taskId, { status: 'final-validation', due_at_ms: 0 });
    case 'skein.arena.task.challenge-started.v1': {
      const { taskId, ranking, challengeDueAtMs } = event.data;
      return set(tx, taskId, { status: 'challenge', due_at_ms: challengeDueAtMs, winner: ranking[0]?.submissionId ?? null });
    }
    case 'skein.arena.task.finished.v1':
      return set(tx, event.data.taskId, { status: 'finished', due_at_ms: 0 });
    case 'skein.arena.task.cancelled.v1':
      return set(tx, event.data.taskId, { status: 'cancelled', due_at_ms: 0, cancel_reason: event.data.reason });
    default:
      return applyEpoch(tx, event);
  }
}

async function applyEpoch(tx: Tx, event: Event): Promise<unknown> {
  switch (event.type) {
    case 'skein.arena.epoch.opened.v1': {
      const { taskId, epoch, commitDueAtMs, participants } = event.data;
      const count = (role: string): number => participants.filter((one) => one.role === role).length;
      return set(tx, taskId, { epoch, epoch_phase: 'committing', due_at_ms: commitDueAtMs, nodes: count('node'), validators: count('validator') });
    }
    case 'skein.arena.epoch.commits-closed.v1':
      return set(tx, event.data.taskId, { epoch_phase: 'revealing', due_at_ms: event.data.revealDueAtMs });
    case 'skein.arena.epoch.window-extended.v1':
      return set(tx, event.data.taskId, { due_at_ms: event.data.dueAtMs });
    case 'skein.arena.epoch.scoring-requested.v1':
      return set(tx, event.data.taskId, { epoch_phase: 'scoring', due_at_ms: event.data.deadlineMs });
    case 'skein.arena.epoch.closed.v1':
      return set(tx, event.data.taskId, { epoch_phase: 'closed', due_at_ms: 0 });
    default:
      return undefined;
  }
}

/** Tasks as they are now. */
export const tasksProjection: Projection = {
  name: 'arena_tasks',
  version: 1,
  tables: `
    CREATE TABLE tasks (
      task_id uuid PRIMARY KEY,
      position bigint NOT NULL,
      status text NOT NULL,
      creator text NOT NULL,
      policy text NOT NULL,
      policy_version integer NOT NULL DEFAULT 0,
      epoch integer NOT NULL DEFAULT 0,
      epoch_phase text NOT NULL DEFAULT '',
      due_at_ms bigint NOT NULL DEFAULT 0,
      nodes integer NOT NULL DEFAULT 0,
      validators integer NOT NULL DEFAULT 0,
      winner uuid,
      cancel_reason text NOT NULL DEFAULT '',
      created_at_ms bigint NOT NULL
    );
    CREATE INDEX tasks_newest ON tasks (position DESC);
    CREATE INDEX tasks_status ON tasks (status, position DESC)`,
  types: [
    'skein.arena.task.proposed.v1',
    'skein.arena.task.approved.v1',
    'skein.arena.task.training-started.v1',
    'skein.arena.task.epoch-recorded.v1',
    'skein.arena.task.final-validation-started.v1',
    'skein.arena.task.challenge-started.v1',
    'skein.arena.task.finished.v1',
    'skein.arena.task.cancelled.v1',
    'skein.arena.epoch.opened.v1',
    'skein.arena.epoch.commits-closed.v1',
    'skein.arena.epoch.window-extended.v1',
    'skein.arena.epoch.scoring-requested.v1',
    'skein.arena.epoch.closed.v1',
  ],
  async apply(tx, recorded) {
    const event = { type: recorded.type, data: recorded.data } as Event;
    if (event.type === 'skein.arena.task.proposed.v1') await propose(tx, recorded, event.data);
    else await applyTask(tx, event);
  },
};
