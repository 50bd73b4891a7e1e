import type { Pool } from 'pg';
import type { WorkflowDefinition } from '../service-definition.js';

/** Age of a workflow's oldest open instance by the database's clock, in seconds; 0 where none is open. */
export async function oldestOpenSeconds(pool: Pool, workflow: WorkflowDefinition): Promise<number> {
  const [oldest] = await workflow.open(1);
  if (oldest === undefined) return 0;
  const { rows } = await pool.query<{ now_ms: string }>('SELECT es_now_ms() AS now_ms');
  return Math.max(0, Number(rows[0]?.now_ms) - oldest.openedAtMs) / 1_000;
}
