import type { Projection, Tx } from '@skein/events';
import type { CaseEvent, CaseFinalised } from '../domain/case/case.events.js';

async function finalise(tx: Tx, data: CaseFinalised['data']): Promise<void> {
  const { caseId, taskId, role, wallet, outcome, fromOwnerUnits, fromPoolUnits } = data;
  await tx.query('DELETE FROM decided_slash WHERE case_id = $1', [caseId]);
  if (outcome !== 'slashed') return;
  await tx.query('INSERT INTO final_slash (case_id, task_id, role, wallet, from_owner_units, from_pool_units) VALUES ($1, $2, $3, $4, $5, $6)', [
    caseId, taskId, role, wallet, fromOwnerUnits.toString(), fromPoolUnits.toString(),
  ]);
}

/**
 * Slashes that were decided and that no final block is known to have: whoever decides on stakes takes them for taken. A row goes with
 * the case's end; the positions that have what a final block took may come before that, or after: until they have, it is in `final_slash`.
 */
export const casesProjection: Projection = {
  name: 'arena_cases',
  version: 2,
  tables: `
    CREATE TABLE decided_slash (
      case_id text PRIMARY KEY,
      task_id uuid NOT NULL,
      role text NOT NULL,
      wallet text NOT NULL,
      units numeric(78, 0) NOT NULL
    );
    CREATE INDEX decided_slash_wallet ON decided_slash (wallet);
    CREATE TABLE final_slash (
      case_id text PRIMARY KEY,
      task_id uuid NOT NULL,
      role text NOT NULL,
      wallet text NOT NULL,
      from_owner_units numeric(78, 0) NOT NULL,
      from_pool_units numeric(78, 0) NOT NULL
    );
    CREATE INDEX final_slash_wallet ON final_slash (wallet);`,
  types: ['skein.arena.case.decided.v1', 'skein.arena.case.dismissed.v1', 'skein.arena.case.finalised.v1'],
  async apply(tx, recorded) {
    const { type, data } = { type: recorded.type, data: recorded.data } as CaseEvent;
    if (type === 'skein.arena.case.decided.v1') {
      const { caseId, taskId, role, wallet, units } = data;
      await tx.query('INSERT INTO decided_slash (case_id, task_id, role, wallet, units) VALUES ($1, $2, $3, $4, $5)', [caseId, taskId, role, wallet, units.toString()]);
    } else if (type === 'skein.arena.case.finalised.v1') await finalise(tx, data);
    else await tx.query('DELETE FROM decided_slash WHERE case_id = $1', [data.caseId]);
  },
};
