import type { Pool } from 'pg';
import { delegatedWeight, worth } from '../domain/pool/pool-book.js';
import { byTime, parseWaiting } from '../domain/pool/waiting.js';
import type { BlockRef, StakeRole } from '../domain/facts.js';
import { LedgerReader, rowAt } from './ledger/ledger-reader.js';
import { LOCK, totalNames } from './ledger/tables.js';
import type { RowOf } from './ledger/table.js';
import { STAKING_VIEW } from './staking.projection.js';

/** After which block; absent: as it is now. `epoch`: the reward epoch that ran then, for what counts by time alone. */
export interface AsOf {
  readonly block?: number | undefined;
  readonly epoch?: number | undefined;
}

/** How far the read model goes: the last block whose facts are all in it and final, and the genesis; undefined before any is. */
export interface Extent {
  readonly finalised: BlockRef;
  readonly genesis: number;
}

/** A stake: final units, what pending facts add (negative: take away), and what the wallet's pool adds to its weight. */
export interface StakeRow {
  readonly wallet: string;
  readonly taskId: string;
  readonly role: StakeRole;
  readonly finalised: bigint;
  readonly pending: bigint;
  readonly slashed: bigint;
  readonly delegated: bigint;
}

export type LockRow = RowOf<typeof LOCK>;

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

/** Which stakes. */
export interface StakeFilter {
  readonly wallet?: string;
  readonly taskId?: string;
  readonly role?: string;
  readonly after?: StakeKey;
  readonly limit: number;
}

interface RawStake {
  wallet: string;
  role: StakeRole;
  task_id: string;
  finalised: string;
  pending: string;
  slashed: string;
}

interface RawWeight {
  wallet: string;
  own_total: string;
  principal_index: string;
  total_shares: string;
  waiting: string;
  closed_by: string | null;
  cap: number;
}

interface Weight {
  readonly ownTotal: bigint;
  readonly principal: bigint;
  readonly cap: bigint;
}

const ROLES: readonly StakeRole[] = ['node', 'participant', 'validator'];

/** Conditions of a filter on the table `alias`, with their values behind those that are there. */
function conditions(filter: StakeFilter, alias: string, values: unknown[]): string[] {
  const { wallet, taskId, role, after } = filter;
  const bind = (value: unknown): string => `$${values.push(value)}`;
  return [
    ...(wallet === undefined ? [] : [`${alias}.wallet = ${bind(wallet)}`]),
    ...(taskId === undefined ? [] : [`${alias}.task_id = ${bind(taskId)}`]),
    ...(role === undefined ? [] : [`${alias}.role = ${bind(role)}`]),
    ...(after === undefined ? [] : [`(${alias}.wallet, ${alias}.role, ${alias}.task_id) > (${[after.wallet, after.role, after.taskId].map(bind).join(', ')})`]),
  ];
}

const KEY = 'wallet, role, task_id';

/** The page's keys come from both tables by index, then each row's sums: a page costs its own length. */
function stakesNow(filter: StakeFilter): { text: string; values: unknown[] } {
  const values: unknown[] = [filter.limit];
  const held = ['s.units > 0', ...conditions(filter, 's', values)].join(' AND ');
  const pending = ['p.role IS NOT NULL', ...conditions(filter, 'p', values)].join(' AND ');
  const text = `
    WITH page AS (
      (SELECT ${KEY} FROM staking.stake s WHERE ${held} ORDER BY ${KEY} LIMIT $1)
      UNION
      (SELECT ${KEY} FROM staking.pending p WHERE ${pending} GROUP BY ${KEY} ORDER BY ${KEY} LIMIT $1)
    )
    SELECT page.*, coalesce(s.units, 0) AS finalised, coalesce(s.slashed, 0) AS slashed,
      (SELECT coalesce(sum(staked), 0) FROM staking.pending p WHERE p.wallet = page.wallet AND p.role = page.role AND p.task_id = page.task_id) AS pending
    FROM page LEFT JOIN staking.stake s USING (${KEY}) ORDER BY ${KEY} LIMIT $1`;
  return { text, values };
}

function stakesAt(filter: StakeFilter, block: number): { text: string; values: unknown[] } {
  const values: unknown[] = [filter.limit, block];
  const where = ['s.born <= $2', 'h.units > 0', ...conditions(filter, 's', values)].join(' AND ');
  const then = rowAt('stake', 'stake_at.wallet = s.wallet AND stake_at.role = s.role AND stake_at.task_id = s.task_id', '$2');
  const text = `SELECT s.wallet, s.role, s.task_id, h.units AS finalised, h.slashed, 0 AS pending
    FROM staking.stake s JOIN ${then} h ON true WHERE ${where} ORDER BY s.wallet, s.role, s.task_id LIMIT $1`;
  return { text, values };
}

/** Reads positions, stakes and sums. */
export class StakingQueries {
  readonly #pool: Pool;
  readonly ledger: LedgerReader;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.ledger = new LedgerReader(pool);
  }

  /** Position of the log up to which the read model has seen everything; undefined before its tables are there. */
  async position(): Promise<bigint | undefined> {
    const { rows } = await this.#pool.query<{ position: string }>(
      'SELECT position FROM es_subscription WHERE name = $1 AND projection_version IS NOT NULL',
      [STAKING_VIEW],
    );
    return rows[0] && BigInt(rows[0].position);
  }

  /** The last final block that the log names, and the genesis. Blocks without facts are named now and then only. */
  async progress(): Promise<Extent | undefined> {
    const { rows } = await this.#pool.query<Record<string, string>>('SELECT finalised_number, finalised_hash, genesis_number FROM staking.progress');
    const row = rows[0];
    return row && { finalised: { number: Number(row['finalised_number']), hash: row['finalised_hash']! }, genesis: Number(row['genesis_number']) };
  }

  /** The last block with a fact at or before a time; undefined where no fact is that old. */
  async blockAt(timeMs: number): Promise<number | undefined> {
    const { rows } = await this.#pool.query<{ block: string }>(
      'SELECT block_number AS block FROM staking.block_time WHERE time_ms <= $1 ORDER BY time_ms DESC, block_number DESC LIMIT 1',
      [timeMs],
    );
    return rows[0] && Number(rows[0].block);
  }

  /** Time of the last fact at or before a block: no later than the block. */
  async timeAt(block: number): Promise<number | undefined> {
    const { rows } = await this.#pool.query<{ time: string }>(
      'SELECT time_ms AS time FROM staking.block_time WHERE block_number <= $1 ORDER BY block_number DESC LIMIT 1',
      [block],
    );
    return rows[0] && Number(rows[0].time);
  }

  /** Stakes that are not zero, by wallet, role and task; without `asOf.block` with what is pending. */
  async stakes(filter: StakeFilter, asOf: AsOf = {}): Promise<StakeRow[]> {
    const { text, values } = asOf.block === undefined ? stakesNow(filter) : stakesAt(filter, asOf.block);
    const { rows } = await this.#pool.query<RawStake>(text, values);
    const weights = await this.#weights([...new Set(rows.map(({ wallet }) => wallet))], asOf);
    return rows.map(({ wallet, task_id: taskId, role, finalised, pending, slashed }) => {
      const own = BigInt(finalised);
      const weight = role === 'participant' ? undefined : weights.get(wallet);
      const delegated = weight === undefined ? 0n : delegatedWeight(own, weight.ownTotal, weight.principal, weight.cap);
      return { wallet, taskId, role, finalised: own, pending: BigInt(pending), slashed: BigInt(slashed), delegated };
    });
  }

  /** What a wallet's pool lends to its stakes; wallets without one are missing. */
  async #weights(wallets: readonly string[], { block, epoch = 0 }: AsOf): Promise<Map<string, Weight>> {
    if (wallets.length === 0) return new Map();
    const at = block === undefined ? undefined : '$2';
    const text = `SELECT w.wallet, t.units AS own_total, p.principal_index, p.total_shares, p.waiting, p.closed_by, r.delegation_cap AS cap
      FROM unnest($1::text[]) AS w (wallet)
      JOIN ${rowAt('owner', 'owner = w.wallet', at)} o ON true
      JOIN ${rowAt('pool', 'pool = o.pool', at)} p ON true
      JOIN ${rowAt('own_total', 'wallet = w.wallet', at)} t ON true
      JOIN ${rowAt('parameters', "registry = ''", at)} r ON true`;
    const { rows } = await this.#pool.query<RawWeight>(text, block === undefined ? [wallets] : [wallets, block]);
    return new Map(
      rows.map((row) => {
        const shares = BigInt(row.total_shares) + byTime(parseWaiting(row.waiting), epoch);
        const principal = row.closed_by === null ? worth(shares, { principalIndex: BigInt(row.principal_index) }) : 0n;
        return [row.wallet, { ownTotal: BigInt(row.own_total), principal, cap: BigInt(row.cap) }];
      }),
    );
  }

  /** Sums by role, of one task or of all; `wallets` are those with a final stake. */
  async totals(taskId?: string, asOf: AsOf = {}): Promise<RoleTotalRow[]> {
    const nameOf = (role: string): string => (taskId === undefined ? totalNames.role(role) : totalNames.task(taskId, role));
    const sums = await this.sums(ROLES.map(nameOf), asOf.block);
    const pending = asOf.block === undefined ? await this.#pending(taskId) : new Map<string, bigint>();
    return ROLES.flatMap((role) => {
      const [sum, waits] = [sums.get(nameOf(role)), pending.get(role)];
      if (sum === undefined && waits === undefined) return [];
      return [{ role, finalised: sum?.units ?? 0n, pending: waits ?? 0n, wallets: sum?.holders ?? 0 }];
    });
  }

  async #pending(taskId: string | undefined): Promise<Map<string, bigint>> {
    const { rows } = await this.#pool.query<{ role: string; sum: string }>(
      `SELECT role, sum(staked) AS sum FROM staking.pending WHERE role IS NOT NULL ${taskId === undefined ? '' : 'AND task_id = $1'} GROUP BY role`,
      taskId === undefined ? [] : [taskId],
    );
    return new Map(rows.map(({ role, sum }) => [role, BigInt(sum)]));
  }

  /** Sums by name as they stood after a block, or as they are; one that nothing was ever added to is missing. */
  async sums(names: readonly string[], block?: number): Promise<Map<string, { readonly units: bigint; readonly holders: number }>> {
    const at = block === undefined ? undefined : '$2';
    const { rows } = await this.#pool.query<{ name: string; units: string; holders: number }>(
      `SELECT w.name, t.units, t.holders FROM unnest($1::text[]) AS w (name) JOIN ${rowAt('total', 'name = w.name', at)} t ON true`,
      block === undefined ? [names] : [names, block],
    );
    return new Map(rows.map(({ name, units, holders }) => [name, { units: BigInt(units), holders }]));
  }

  /** Sum of all final stakes as it stood after a block. */
  async totalAfter(blockNumber: number): Promise<bigint> {
    return (await this.sums([totalNames.staked], blockNumber)).get(totalNames.staked)?.units ?? 0n;
  }

  /** Newest locks of a wallet, oldest first, and the sums over those that are not wholly redeemed. */
  async locksOf(wallet: string, limit: number, { block }: AsOf = {}): Promise<{ locks: LockRow[]; count: number; flock: bigint; gmFlock: bigint }> {
    const at = block === undefined ? undefined : '$2';
    const { rows } = await this.#pool.query<{ open: string; flock: string | null; gm: string | null }>(
      `SELECT count(*) FILTER (WHERE h.gm_flock_remaining > 0) AS open, sum(h.flock_remaining) AS flock, sum(h.gm_flock_remaining) AS gm
       FROM staking.lock c JOIN ${rowAt('lock', 'lock_id = c.lock_id', at)} h ON true WHERE c.wallet = $1`,
      block === undefined ? [wallet] : [wallet, block],
    );
    const locks = await this.ledger.rows(LOCK, { where: { wallet }, descending: true, limit, block });
    const { open, flock, gm } = rows[0]!;
    return { locks: locks.reverse(), count: Number(open), flock: BigInt(flock ?? 0), gmFlock: BigInt(gm ?? 0) };
  }
}
