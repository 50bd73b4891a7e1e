import type { Pool } from 'pg';
import type { StakeRole } from '../domain/facts.js';
import { STAKING_VIEW } from './staking.projection.js';

/** A stake: final units and what pending facts add (negative: take away). */
export interface StakeRow {
  readonly wallet: string;
  readonly taskId: string;
  readonly role: StakeRole;
  readonly finalised: bigint;
  readonly pending: bigint;
}

export interface LockRow {
  readonly id: string;
  readonly flock: bigint;
  readonly gmFlock: bigint;
  readonly flockRemaining: bigint;
  readonly gmFlockRemaining: bigint;
  readonly multiplier: number;
  readonly feeBps: number;
  readonly unlockAtMs: number;
}

export interface RoleTotalRow {
  readonly role: StakeRole;
  readonly finalised: bigint;
  readonly pending: bigint;
  readonly wallets: number;
}

/** Where a page of stakes goes on. */
export interface StakeKey {
  readonly wallet: string;
  readonly role: string;
  readonly taskId: string;
}

const COMBINED = `
  SELECT wallet, role, task_id, sum(units) AS finalised, sum(pending) AS pending FROM (
    SELECT wallet, role, task_id, units, 0 AS pending FROM staking.stake
    UNION ALL
    SELECT wallet, role, task_id, 0, staked FROM staking.fact WHERE status = 'observed' AND role IS NOT NULL
  ) both_kinds`;

interface RawStake {
  wallet: string;
  role: StakeRole;
  task_id: string;
  finalised: string;
  pending: string;
}

const stakeOf = (row: RawStake): StakeRow => ({
  wallet: row.wallet,
  taskId: row.task_id,
  role: row.role,
  finalised: BigInt(row.finalised),
  pending: BigInt(row.pending),
});

/** Reads the read model. */
export class StakingQueries {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Position of the log up to which the read model has seen everything. */
  async position(): Promise<bigint> {
    const { rows } = await this.#pool.query<{ position: string }>('SELECT position FROM es_subscription WHERE name = $1', [STAKING_VIEW]);
    return BigInt(rows[0]?.position ?? 0);
  }

  async stakesOf(wallet: string): Promise<StakeRow[]> {
    const text = `${COMBINED} WHERE wallet = $1 GROUP BY wallet, role, task_id ORDER BY role, task_id`;
    return (await this.#pool.query<RawStake>(text, [wallet])).rows.map(stakeOf);
  }

  /** Stakes by wallet, role and task, behind `after`. */
  async stakes(filter: { taskId?: string; role?: string; after?: StakeKey; limit: number }): Promise<StakeRow[]> {
    const { taskId = null, role = null, after, limit } = filter;
    const text = `${COMBINED}
      WHERE ($1::text IS NULL OR task_id = $1) AND ($2::text IS NULL OR role = $2)
        AND ($3::text IS NULL OR (wallet, role, task_id) > ($3, $4, $5))
      GROUP BY wallet, role, task_id ORDER BY wallet, role, task_id LIMIT $6`;
    const values = [taskId, role, after?.wallet ?? null, after?.role ?? null, after?.taskId ?? null, limit];
    return (await this.#pool.query<RawStake>(text, values)).rows.map(stakeOf);
  }

  async totals(taskId?: string): Promise<RoleTotalRow[]> {
    const text = `SELECT role, sum(finalised) AS finalised, sum(pending) AS pending, count(*) FILTER (WHERE finalised + pending > 0) AS wallets
      FROM (${COMBINED} WHERE $1::text IS NULL OR task_id = $1 GROUP BY wallet, role, task_id) per_wallet GROUP BY role ORDER BY role`;
    const { rows } = await this.#pool.query<RawStake & { wallets: string }>(text, [taskId ?? null]);
    return rows.map(({ role, finalised, pending, wallets }) => ({
      role,
      finalised: BigInt(finalised),
      pending: BigInt(pending),
      wallets: Number(wallets),
    }));
  }

  /** Sum of all final stakes as it stood after a block. */
  async totalAfter(blockNumber: number): Promise<bigint> {
    const { rows } = await this.#pool.query<{ total: string }>(
      `SELECT (SELECT coalesce(sum(units), 0) FROM staking.stake)
            - (SELECT coalesce(sum(staked), 0) FROM staking.fact WHERE status = 'finalised' AND block_number > $1) AS total`,
      [blockNumber],
    );
    return BigInt(rows[0]!.total);
  }

  /** Newest locks of a wallet, oldest first, and the sums over those that are not wholly redeemed. */
  async locksOf(wallet: string, limit: number): Promise<{ locks: LockRow[]; count: number; flock: bigint; gmFlock: bigint }> {
    const { rows } = await this.#pool.query<Record<string, string>>(
      `SELECT *, count(*) FILTER (WHERE gm_flock_remaining > 0) OVER () AS open, sum(flock_remaining) OVER () AS flock_sum,
         sum(gm_flock_remaining) OVER () AS gm_sum
       FROM staking.lock WHERE wallet = $1 ORDER BY lock_id DESC LIMIT $2`,
      [wallet, limit],
    );
    const [first] = rows;
    return {
      locks: rows.map(lockOf).reverse(),
      count: Number(first?.['open'] ?? 0),
      flock: BigInt(first?.['flock_sum'] ?? 0),
      gmFlock: BigInt(first?.['gm_sum'] ?? 0),
    };
  }
}

const lockOf = (row: Record<string, string>): LockRow => ({
  id: row['lock_id']!,
  flock: BigInt(row['flock']!),
  gmFlock: BigInt(row['gm_flock']!),
  flockRemaining: BigInt(row['flock_remaining']!),
  gmFlockRemaining: BigInt(row['gm_flock_remaining']!),
  multiplier: Number(row['multiplier']),
  feeBps: Number(row['fee_bps']),
  unlockAtMs: Number(row['unlock_at_ms']),
});
