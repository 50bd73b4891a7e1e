import { Inject, Injectable } from '@nestjs/common';
import { decodePayload } from '@skein/kernel';
import { POOL } from '@skein/platform';
import type pg from 'pg';
import type { ActiveTasks } from '../application/ports.js';
import type { TaskPolicy } from '../domain/task/task.policy.js';

export interface TaskRow {
  readonly taskId: string;
  readonly position: bigint;
  readonly status: string;
  readonly creator: string;
  readonly policy: TaskPolicy;
  readonly policyVersion: number;
  readonly epoch: number;
  readonly epochPhase: string;
  readonly dueAtMs: number;
  readonly nodes: number;
  readonly validators: number;
  readonly winner: string | undefined;
  readonly cancelReason: string;
  readonly createdAtMs: number;
}

type Raw = Record<string, string | number | null>;

const COLUMNS = 'task_id, position, status, creator, policy, policy_version, epoch, epoch_phase, due_at_ms, nodes, validators, winner, cancel_reason, created_at_ms';

const rowOf = (raw: Raw): TaskRow => ({
  taskId: String(raw['task_id']),
  position: BigInt(raw['position']!),
  status: String(raw['status']),
  creator: String(raw['creator']),
  policy: decodePayload(JSON.parse(String(raw['policy']))) as TaskPolicy,
  policyVersion: Number(raw['policy_version']),
  epoch: Number(raw['epoch']),
  epochPhase: String(raw['epoch_phase']),
  dueAtMs: Number(raw['due_at_ms']),
  nodes: Number(raw['nodes']),
  validators: Number(raw['validators']),
  winner: raw['winner'] === null ? undefined : String(raw['winner']),
  cancelReason: String(raw['cancel_reason']),
  createdAtMs: Number(raw['created_at_ms']),
});

/** Queries on the read model of tasks. */
@Injectable()
export class TaskQueries implements ActiveTasks {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  async find(taskId: string): Promise<TaskRow | undefined> {
    const { rows } = await this.pool.query<Raw>(`SELECT ${COLUMNS} FROM "arena_tasks".tasks WHERE task_id = $1`, [taskId]);
    return rows[0] && rowOf(rows[0]);
  }

  /** Newest first, those before `before`. */
  async list(status: string, before: bigint | undefined, limit: number): Promise<TaskRow[]> {
    const { rows } = await this.pool.query<Raw>(
      `SELECT ${COLUMNS} FROM "arena_tasks".tasks WHERE ($1 = '' OR status = $1) AND ($2::bigint IS NULL OR position < $2) ORDER BY position DESC LIMIT $3`,
      [status, before?.toString() ?? null, limit],
    );
    return rows.map(rowOf);
  }

  async inTraining(): Promise<string[]> {
    const { rows } = await this.pool.query<{ task_id: string }>(`SELECT task_id FROM "arena_tasks".tasks WHERE status = 'training' ORDER BY task_id`);
    return rows.map(({ task_id }) => task_id);
  }
}
