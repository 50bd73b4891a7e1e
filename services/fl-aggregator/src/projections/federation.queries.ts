import { Inject, Injectable } from '@nestjs/common';
import { POOL, type OpenWorkflow } from '@skein/platform';
import type { Pool } from 'pg';

/** A task in a list. */
export interface TaskRow {
  readonly id: string;
  readonly creator: string;
  readonly title: string;
  readonly status: string;
  readonly rounds: number;
  readonly rounds_done: number;
  readonly proposed_at_ms: string;
}

/** A round as stored; amounts are strings of base units. */
export interface RoundRow {
  readonly task_id: string;
  readonly round: number;
  readonly status: string;
  readonly beacon_kind: string;
  readonly beacon_value: string;
  readonly proposers: readonly { node: string; stake: string }[];
  readonly voters: readonly { node: string; stake: string }[];
  readonly contributions: readonly { node: string; sha256: string; examples: number; norm: number; score?: number }[];
  readonly aggregate_sha256: string;
  readonly weights_sha256: string;
  readonly sum: string;
  readonly reward: string;
  readonly slashes: readonly { node: string; units: string; reason: string }[];
  readonly payments: readonly { node: string; units: string; gm?: string }[];
  readonly caller_units: string;
  readonly pool_left: string;
  readonly opened_at_ms: string;
  readonly closed_at_ms: string;
}

/** A member as stored. */
export interface NodeRow {
  readonly node: string;
  readonly out: boolean;
  readonly paid: string;
  readonly slashed: string;
  readonly proposed: number;
  readonly voted: number;
}

/** Reads the `federation` projection. */
@Injectable()
export class FederationQueries {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  /** Newest first, after the given one. */
  async tasks(limit: number, after?: { atMs: string; id: string }): Promise<TaskRow[]> {
    const { rows } = await this.#pool.query<TaskRow>(
      `SELECT * FROM "federation".task WHERE $1::bigint IS NULL OR (proposed_at_ms, id) < ($1, $2)
       ORDER BY proposed_at_ms DESC, id DESC LIMIT $3`,
      [after?.atMs ?? null, after?.id ?? '', limit],
    );
    return rows;
  }

  /** By number, after the given one. */
  async rounds(taskId: string, afterRound: number, limit: number): Promise<RoundRow[]> {
    const { rows } = await this.#pool.query<RoundRow>(
      'SELECT * FROM "federation".round WHERE task_id = $1 AND round > $2 ORDER BY round LIMIT $3',
      [taskId, afterRound, limit],
    );
    return rows;
  }

  /** All members by wallet. */
  async nodes(taskId: string): Promise<NodeRow[]> {
    const { rows } = await this.#pool.query<NodeRow>(
      'SELECT node, out, paid::text, slashed::text, proposed, voted FROM "federation".node WHERE task_id = $1 ORDER BY node COLLATE "C"',
      [taskId],
    );
    return rows;
  }

  /** Rounds that have not been closed, the oldest first. */
  async openRounds(limit: number): Promise<OpenWorkflow[]> {
    const { rows } = await this.#pool.query<{ task_id: string; round: number; opened_at_ms: string }>(
      `SELECT task_id, round, opened_at_ms FROM "federation".round WHERE closed_at_ms = 0 ORDER BY opened_at_ms LIMIT $1`, [limit],
    );
    return rows.map(({ task_id: taskId, round, opened_at_ms: openedAtMs }) => ({ instance: `tasks/${taskId}/rounds/${round}`, key: taskId, openedAtMs: Number(openedAtMs) }));
  }
}
