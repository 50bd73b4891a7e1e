import { Inject, Injectable } from '@nestjs/common';
import { type HeardBlock, POOL, hearOfBlock } from '@skein/platform';
import { type InboxEntry, type Tx, inboxOnce } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import type pg from 'pg';
import type { CopiedStakes, StakeReader } from '../application/ports.js';
import { countedPrincipal, epochAt } from '../domain/reward/delegation.policy.js';
import { type PendingSlash, effectiveStake } from '../domain/reward/pending-slash.policy.js';
import type { StakePosition } from '../domain/task/participants.policy.js';
import { waitingOf } from './pool-copy.js';
import { type HeardSlash, type SlashRow, hearOfSlash, slashOf, SLASHES } from './slash-rows.js';

/** One stake of a wallet's position. */
export interface CopiedStake {
  readonly taskId: string;
  readonly role: 'node' | 'validator';
  readonly ownUnits: bigint;
}

/** A wallet's position as one message tells it. */
export interface CopiedPosition {
  readonly wallet: string;
  readonly version: bigint;
  readonly stakes: readonly CopiedStake[];
  /** The slash that led to it; absent where something else did. */
  readonly slash?: HeardSlash;
}

/** One row of the frontier and a stake; without stakes one row whose wallet is null. */
interface Row {
  block_number: string | null;
  block_hash: string | null;
  block_time_ms: string | null;
  epoch_genesis_ms: string | null;
  epoch_ms: string | null;
  wallet: string | null;
  role: 'node' | 'validator';
  own_units: string;
  since_version: string;
  own_total: string;
  counted_shares: string | null;
  principal_index: string;
  waiting: { epoch: number; sharesIn: string; sharesOut: string }[];
  sigma_ppm: number | null;
  slashes: SlashRow[] | null;
  behind: boolean;
}

// One statement, one snapshot: the block, the stakes and pools that are as of it, the slashes that they do not have, and whether
// there are slashes of which the read model has not been told.
const STAKES = `
  SELECT f.block_number, f.block_hash, f.block_time_ms, f.epoch_genesis_ms, f.epoch_ms,
    s.wallet, s.role, s.own_units, s.since_version, t.own_total, p.counted_shares, p.principal_index, p.waiting, g.sigma_ppm, x.slashes,
    (SELECT es_undelivered('arena_cases', ARRAY['skein.arena.case.decided.v1'])) AS behind
  FROM (VALUES (1)) one
  LEFT JOIN LATERAL (SELECT * FROM stake_frontier ORDER BY chain LIMIT 1) f ON true
  LEFT JOIN arena_stake s ON s.task_id = $1
  LEFT JOIN LATERAL (SELECT sum(o.own_units) AS own_total FROM arena_stake o WHERE o.wallet = s.wallet) t ON true
  LEFT JOIN LATERAL (SELECT * FROM arena_pool q WHERE q.owner = s.wallet AND NOT q.closed ORDER BY q.pool LIMIT 1) p ON true
  LEFT JOIN arena_sigma g ON g.owner = s.wallet
  LEFT JOIN LATERAL (${SLASHES}) x ON true
  ORDER BY s.wallet, s.role`;

/** The reward epoch at the frontier's block; where its time is not known nothing counts by time alone. */
function epochOf({ block_time_ms: timeMs, epoch_genesis_ms: genesisMs, epoch_ms: epochMs }: Row): number {
  if (timeMs === null || genesisMs === null || epochMs === null) return 0;
  return epochAt({ genesisMs: Number(genesisMs), epochMs: Number(epochMs) }, Number(timeMs));
}

function positionOf(row: Row, taskId: string, wallet: string): StakePosition {
  const { role, counted_shares: countedShares } = row;
  const pool = countedShares !== null && { countedShares: BigInt(countedShares), principalIndex: BigInt(row.principal_index), waiting: waitingOf(row.waiting) };
  const principalUnits = pool ? countedPrincipal(pool, epochOf(row)) : 0n;
  const slashes: PendingSlash[] = (row.slashes ?? []).map(slashOf);
  const stake = { taskId, role, ownUnits: BigInt(row.own_units) };
  const { ownUnits, delegatedUnits } = effectiveStake(stake, { ownTotalUnits: BigInt(row.own_total), principalUnits }, slashes);
  return { wallet, role, ownUnits, delegatedUnits, sigmaPpm: delegatedUnits > 0n ? (row.sigma_ppm ?? 0) : 0, since: Number(row.since_version) };
}

const UNDEFINED_TABLE = '42P01';

/** At the first start, and while a new version of it is built, the read model of slashes is missing for a moment: nobody decides without it. */
function notReady(error: unknown): never {
  if (!(error instanceof Error) || !('code' in error) || error.code !== UNDEFINED_TABLE) throw error;
  throw new RejectionError({ code: 'unavailable', rule: 'read-model-not-ready', message: 'the read model of decided slashes is being made', retriable: true });
}

/** A slash that was decided a moment ago may not be in the read model yet: nobody decides past it. */
function behind(): never {
  throw new RejectionError({ code: 'unavailable', rule: 'read-model-behind', message: 'a slash has been decided that the read model does not have yet', retriable: true });
}

@Injectable()
export class StakeCopy implements StakeReader {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  async stakesOf(taskId: string): Promise<CopiedStakes> {
    const rows = await this.pool.query<Row>({ name: 'arena-stakes', text: STAKES, values: [taskId] }).then((found) => found.rows, notReady);
    if (rows[0]!.behind) behind();
    const positions = rows.flatMap((row) => (row.wallet === null ? [] : [positionOf(row, taskId, row.wallet)]));
    const { block_number: number, block_hash: hash } = rows[0]!;
    return number === null || hash === null ? { positions } : { positions, stakeBlock: { number: Number(number), hash } };
  }

  /** Takes over one delivered position, once, with the block that it is as of and the case whose slash it has. */
  async take(inbox: InboxEntry, { wallet, version, stakes, slash }: CopiedPosition, heard?: HeardBlock): Promise<void> {
    await inboxOnce(this.pool, inbox, async (tx) => {
      await copyPosition(tx, wallet, version, stakes);
      await hearOfSlash(tx, slash);
      await hearOfBlock(tx, heard);
    });
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
