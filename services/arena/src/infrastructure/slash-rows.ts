import type { Tx } from '@skein/events';
import type { PendingSlash } from '../domain/reward/pending-slash.policy.js';

/** A slash that a copied position (`own`) or pool (`pool`) has. */
export interface HeardSlash {
  readonly caseId: string;
  readonly part: 'own' | 'pool';
}

/** In the transaction that takes over what has the slash: nobody sees one without the other. */
export async function hearOfSlash(tx: Pick<Tx, 'query'>, slash: HeardSlash | undefined): Promise<void> {
  if (slash !== undefined) await tx.query('INSERT INTO arena_slash_heard (case_id, part) VALUES ($1, $2) ON CONFLICT DO NOTHING', [slash.caseId, slash.part]);
}

/** A slash as the query below gives it; amounts as text. */
export interface SlashRow {
  taskId: string;
  role: string;
  units: string;
  fromOwner: string | null;
  fromPool: string | null;
  ownUnits: string;
  ownHeard: boolean;
  poolHeard: boolean;
}

/** Slashes of wallet `s.wallet` that the copies do not have, or have in part, as one array; null without any. */
export const SLASHES = `
    SELECT json_agg(json_build_object('taskId', d.task_id, 'role', d.role, 'units', d.units::text, 'fromOwner', d.from_owner::text, 'fromPool', d.from_pool::text,
      'ownUnits', coalesce(o.own_units, 0)::text, 'ownHeard', h.own, 'poolHeard', h.pool)) AS slashes
    FROM (
      SELECT case_id, task_id, role, units, NULL::numeric AS from_owner, NULL::numeric AS from_pool FROM "arena_cases".decided_slash WHERE wallet = s.wallet
      UNION ALL
      SELECT case_id, task_id, role, from_owner_units + from_pool_units, from_owner_units, from_pool_units FROM "arena_cases".final_slash WHERE wallet = s.wallet
    ) d
    CROSS JOIN LATERAL (
      SELECT EXISTS (SELECT 1 FROM arena_slash_heard WHERE case_id = d.case_id AND part = 'own') AS own,
        EXISTS (SELECT 1 FROM arena_slash_heard WHERE case_id = d.case_id AND part = 'pool') AS pool
    ) h
    LEFT JOIN arena_stake o ON o.wallet = s.wallet AND o.task_id = d.task_id AND o.role = d.role
    WHERE NOT (h.own AND (h.pool OR d.from_pool IS NOT DISTINCT FROM 0))`;

export const slashOf = ({ taskId, role, units, fromOwner, fromPool, ownUnits, ownHeard, poolHeard }: SlashRow): PendingSlash => ({
  taskId, role, units: BigInt(units), ownUnits: BigInt(ownUnits), ownHeard, poolHeard,
  ...(fromOwner === null || fromPool === null ? {} : { taken: { fromOwner: BigInt(fromOwner), fromPool: BigInt(fromPool) } }),
});
