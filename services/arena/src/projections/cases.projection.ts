import type { Projection } from '@skein/events';
import type { CaseEvent } from '../domain/case/case.events.js';

/**
 * Slashes that were decided and that no final block is known to have: whoever decides on stakes takes them for taken. A row goes with
 * the case's end; a position that names its case (`cause.case_id`) may come before that.
 */
export const casesProjection: Projection = {
  name: 'arena_cases',
  version: 1,
  tables: `
    CREATE TABLE decided_slash (
      case_id text PRIMARY KEY,
      task_id uuid NOT NULL,
      role text NOT NULL,
      wallet text NOT NULL,
      units numeric(78, 0) NOT NULL
    );
    CREATE INDEX decided_slash_task ON decided_slash (task_id);`,
  types: ['skein.arena.case.decided.v1', 'skein.arena.case.dismissed.v1', 'skein.arena.case.finalised.v1'],
  async apply(tx, recorded) {
    const { type, data } = { type: recorded.type, data: recorded.data } as CaseEvent;
    if (type === 'skein.arena.case.decided.v1') {
      const { caseId, taskId, role, wallet, units } = data;
      await tx.query('INSERT INTO decided_slash (case_id, task_id, role, wallet, units) VALUES ($1, $2, $3, $4, $5)', [caseId, taskId, role, wallet, units.toString()]);
    } else await tx.query('DELETE FROM decided_slash WHERE case_id = $1', [data.caseId]);
  },
};
