import { Inject, Injectable } from '@nestjs/common';
import { POOL } from '@skein/platform';
import { type InboxEntry, type Tx, inboxOnce } from '@skein/events';
import type pg from 'pg';
import type { StakeReader } from '../application/ports.js';
import type { StakePosition } from '../domain/task/participants.policy.js';

/** One stake of a wallet's position. */
export interface CopiedStake {
  readonly taskId: string;
  readonly role: 'node' | 'validator';
  readonly ownUnits: bigint;
}

interface Row {
  wallet: string;
  role: 'node' | 'validator';
  own_units: string;
  delegated_units: string;
  sigma_ppm: number;
  since_version: string;
}

@Injectable()
export class StakeCopy implements StakeReader {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  async positionsOf(taskId: string): Promise<StakePosition[]> {
    const { rows } = await this.pool.query<Row>(
      'SELECT wallet, role, own_units, delegated_units, sigma_ppm, since_version FROM arena_stake WHERE task_id = $1 ORDER BY wallet, role',
      [taskId],
    );
    return rows.map((row) => ({
      wallet: row.wallet,
      role: row.role,
      ownUnits: BigInt(row.own_units),
      delegatedUnits: BigInt(row.delegated_units),
      sigmaPpm: row.sigma_ppm,
      since: Number(row.since_version),
    }));
  }

  /** Takes over one delivered position, once. */
  async take(inbox: InboxEntry, wallet: string, version: bigint, stakes: readonly CopiedStake[]): Promise<void> {
    await inboxOnce(this.pool, inbox, (tx) => copyPosition(tx, wallet, version, stakes));
  }
}

/**
 * Takes over a wallet's newest position; an older one changes nothing. The wallet's row is
 * locked first, so that two versions arriving at once cannot interleave their rows.
 */
async function copyPosition(tx: Tx, wallet: string, version: bigint, stakes: readonly CopiedStake[]): Promise<void> {
  await tx.query('INSERT INTO arena_stake_wallet (wallet, version) VALUES ($1, 0) ON CONFLICT DO NOTHING', [wallet]);
  const moved = await tx.query('UPDATE arena_stake_wallet SET version = $2 WHERE wallet = $1 AND version < $2', [wallet, version.toString()]);
  if (moved.rowCount !== 1) return;
  const keys = stakes.map(({ taskId, role }) => `${taskId}/${role}`);
  await tx.query(`DELETE FROM arena_stake WHERE wallet = $1 AND NOT ((task_id::text || '/' || role) = ANY ($2::text[]))`, [wallet, keys]);
  for (const { taskId, role, ownUnits } of stakes)
    await tx.query(
      `INSERT INTO arena_stake (task_id, role, wallet, own_units, since_version) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (task_id, role, wallet) DO UPDATE SET own_units = excluded.own_units`,
      [taskId, role, wallet, ownUnits.toString(), version.toString()],
    );
}
