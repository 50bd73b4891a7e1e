import { databaseNowMs, deadlinesOf, type Deadline } from '@skein/events';
import type { Pool } from 'pg';
import type { WorkflowDefinition } from '../service-definition.js';

/** A timer that is later than this is not only busy. */
const OVERDUE_MS = 10_000;

/** An open workflow with what will move it on. */
export interface WorkflowState {
  readonly workflow: string;
  readonly instance: string;
  readonly openedAtMs: number;
  readonly ageMs: number;
  /** 0 where it has no timer. */
  readonly nextDueAtMs: number;
  /** Why nothing will move it on; empty where something will. */
  readonly stuck: string;
}

function stuckOf({ nextDueAtMs, openJobs, failedJobs }: Deadline, nowMs: number): string {
  if (nextDueAtMs !== undefined && nowMs - nextDueAtMs > OVERDUE_MS) return `its timer is ${Math.round((nowMs - nextDueAtMs) / 1_000)} s overdue`;
  if (failedJobs > 0 && openJobs === 0) return `${failedJobs} of its jobs failed for good`;
  if (nextDueAtMs === undefined && openJobs === 0) return 'it has no timer and no job';
  return '';
}

/** Open instances of a workflow, the oldest first. */
export async function openWorkflows(pool: Pool, workflow: WorkflowDefinition, limit: number): Promise<WorkflowState[]> {
  const open = await workflow.open(limit);
  if (open.length === 0) return [];
  const { nowMs, byKey } = await deadlinesOf(pool, [...new Set(open.map(({ key }) => key))]);
  return open.map(({ instance, key, openedAtMs }) => {
    const deadline = byKey.get(key) ?? { nextDueAtMs: undefined, openJobs: 0, failedJobs: 0 };
    return { workflow: workflow.name, instance, openedAtMs, ageMs: Math.max(0, nowMs - openedAtMs), nextDueAtMs: deadline.nextDueAtMs ?? 0, stuck: stuckOf(deadline, nowMs) };
  });
}

/** Age of a workflow's oldest open instance by the database's clock, in seconds; 0 where none is open. */
export async function oldestOpenSeconds(pool: Pool, workflow: WorkflowDefinition): Promise<number> {
  const [oldest] = await workflow.open(1);
  return oldest === undefined ? 0 : Math.max(0, (await databaseNowMs(pool)) - oldest.openedAtMs) / 1_000;
}
