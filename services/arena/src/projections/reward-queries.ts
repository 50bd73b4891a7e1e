import { Inject, Injectable } from '@nestjs/common';
import { POOL, type OpenWorkflow } from '@skein/platform';
import type pg from 'pg';

export interface RewardRow {
  readonly taskId: string;
  readonly epoch: number;
  readonly role: string;
  readonly wallet: string;
  readonly paid: bigint;
  readonly poolPaid: bigint;
  readonly locked: bigint;
  readonly poolLocked: bigint;
  readonly rank: number;
  readonly share: bigint;
  readonly stakeShare: bigint;
  readonly vestingStartMs: number;
  readonly vestingDurationMs: number;
  readonly epochMs: number;
  /** The database's clock at the time of the query. */
  readonly nowMs: number;
}

export interface EpochRow {
  readonly number: number;
  readonly phase: string;
  readonly rewardEpoch: bigint;
  readonly minted: string;
  readonly carriedIn: string;
  readonly paid: string;
  readonly locked: string;
  readonly carriedOut: string;
  readonly nodes: string;
  readonly validators: string;
}

type Raw = Record<string, string | number>;

const COLUMNS =
  'task_id, epoch, role, wallet, paid, pool_paid, locked, pool_locked, rank, share, stake_share, vesting_start_ms, vesting_duration_ms, epoch_ms, floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint AS now_ms';

const rowOf = (raw: Raw): RewardRow => ({
  taskId: String(raw['task_id']),
  epoch: Number(raw['epoch']),
  role: String(raw['role']),
  wallet: String(raw['wallet']),
  paid: BigInt(raw['paid']!),
  poolPaid: BigInt(raw['pool_paid']!),
  locked: BigInt(raw['locked']!),
  poolLocked: BigInt(raw['pool_locked']!),
  rank: Number(raw['rank']),
  share: BigInt(raw['share']!),
  stakeShare: BigInt(raw['stake_share']!),
  vestingStartMs: Number(raw['vesting_start_ms']),
  vestingDurationMs: Number(raw['vesting_duration_ms']),
  epochMs: Number(raw['epoch_ms']),
  nowMs: Number(raw['now_ms']),
});

/** Queries on the read model of rewards. */
@Injectable()
export class RewardQueries {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  /** By epoch, role and wallet, those after the given keys. */
  async ofTask(taskId: string, after: readonly [epoch: string, role: string, wallet: string], limit: number): Promise<RewardRow[]> {
    const { rows } = await this.pool.query<Raw>(
      `SELECT ${COLUMNS} FROM "arena_rewards".rewards WHERE task_id = $1 AND (epoch, role, wallet) > ($2, $3, $4) ORDER BY epoch, role, wallet LIMIT $5`,
      [taskId, ...after, limit],
    );
    return rows.map(rowOf);
  }

  /** By task, epoch and role, those after the given keys. */
  async ofWallet(wallet: string, after: readonly [taskId: string, epoch: string, role: string], limit: number): Promise<RewardRow[]> {
    const { rows } = await this.pool.query<Raw>(
      `SELECT ${COLUMNS} FROM "arena_rewards".rewards WHERE wallet = $1 AND (task_id, epoch, role) > ($2::uuid, $3, $4) ORDER BY task_id, epoch, role LIMIT $5`,
      [wallet, ...after, limit],
    );
    return rows.map(rowOf);
  }

  /** Epochs that have neither closed nor been cancelled, the oldest first. */
  async openEpochs(limit: number): Promise<OpenWorkflow[]> {
    const { rows } = await this.pool.query<{ task_id: string; number: number; opened_at_ms: string }>(
      `SELECT task_id, number, opened_at_ms FROM "arena_rewards".epochs WHERE phase NOT IN ('closed', 'cancelled') ORDER BY opened_at_ms LIMIT $1`, [limit],
    );
    return rows.map(({ task_id: taskId, number, opened_at_ms: openedAtMs }) => ({ instance: `tasks/${taskId}/epochs/${number}`, key: taskId, openedAtMs: Number(openedAtMs) }));
  }

  async epochs(taskId: string): Promise<EpochRow[]> {
    const { rows } = await this.pool.query<Raw>('SELECT * FROM "arena_rewards".epochs WHERE task_id = $1 ORDER BY number', [taskId]);
    return rows.map((raw) => ({
      number: Number(raw['number']),
      phase: String(raw['phase']),
      rewardEpoch: BigInt(raw['reward_epoch']!),
      minted: String(raw['minted']),
      carriedIn: String(raw['carried_in']),
      paid: String(raw['paid']),
      locked: String(raw['locked']),
      carriedOut: String(raw['carried_out']),
      nodes: String(raw['nodes']),
      validators: String(raw['validators']),
    }));
  }
}
