import { Inject, Injectable } from '@nestjs/common';
import type { PositionChanged } from '@skein/contracts/staking';
import { inboxOnce } from '@skein/events';
import type { InboxEntry, Tx } from '@skein/events';
import { chainOf, hearOfBlock, POOL } from '@skein/platform';
import type { Pool } from 'pg';
import type { CopiedStakes, StakePort } from '../application/ports.js';

const ROLE = 'participant';

/** What this copy takes from a position. */
export type Position = Pick<PositionChanged, 'wallet' | 'version' | 'asOf' | 'stakes' | 'cause'>;

/** The uuid of a resource name such as tasks/{uuid}. */
const idOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Keeps each wallet's newest position; an older one (redelivered, reordered) changes nothing. */
async function takeStakes(tx: Tx, { wallet, version, stakes }: Position): Promise<void> {
  const newer = await tx.query(
    `INSERT INTO stake_position AS p (wallet, version) VALUES ($1, $2)
     ON CONFLICT (wallet) DO UPDATE SET version = excluded.version WHERE p.version < excluded.version`,
    [wallet, version.toString()],
  );
  if (newer.rowCount === 0) return;
  const own = stakes.filter(({ role }) => role === ROLE);
  await tx.query('DELETE FROM stake_on_task WHERE wallet = $1', [wallet]);
  await tx.query(
    'INSERT INTO stake_on_task (wallet, task_id, units) SELECT $1, t, u::numeric FROM unnest($2::text[], $3::text[]) AS s (t, u)',
    [wallet, own.map(({ task }) => idOf(task)), own.map(({ units }) => units)],
  );
}

/** The case is noted with the very position that has its slash: nobody sees one without the other. */
async function takePosition(tx: Tx, position: Position): Promise<void> {
  const { wallet, asOf, cause } = position;
  await takeStakes(tx, position);
  if (cause?.kind === 'federation-slashed') await tx.query('INSERT INTO stake_case (case_id, wallet) VALUES ($1, $2) ON CONFLICT DO NOTHING', [cause.caseId, wallet]);
  await hearOfBlock(tx, asOf && { chain: chainOf(wallet), block: asOf });
}

/** One row of the frontier and a stake; without stakes one row whose wallet is null. */
interface Row {
  block_number: string | null;
  block_hash: string | null;
  final_cases: string[];
  wallet: string | null;
  units: string;
}

// One statement, one snapshot: the block, the stakes, and the slashes that are in them.
const STAKES = `
  SELECT f.block_number, f.block_hash, ARRAY(SELECT c.case_id FROM stake_case c WHERE c.case_id = ANY($3)) AS final_cases, s.wallet, s.units::text
  FROM (VALUES (1)) one
  LEFT JOIN LATERAL (SELECT * FROM stake_frontier ORDER BY chain LIMIT 1) f ON true
  LEFT JOIN stake_on_task s ON s.task_id = $1 AND s.wallet = ANY($2)`;

/** Finalised stakes of participants, as the staking indexer published them. Positions of a wallet come in the order of their versions, each at least once. */
@Injectable()
export class StakeCopy implements StakePort {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async stakesOf(taskId: string, wallets: readonly string[], caseIds: readonly string[]): Promise<CopiedStakes> {
    const { rows } = await this.#pool.query<Row>({ name: 'federation-stakes', text: STAKES, values: [taskId, wallets, caseIds] });
    const { final_cases: finalCases, block_number: number, block_hash: hash } = rows[0]!;
    const stakes = Object.fromEntries(rows.flatMap(({ wallet, units }) => (wallet === null ? [] : [[wallet, BigInt(units)]])));
    return { stakes, finalCases, ...(number === null || hash === null ? {} : { stakeBlock: { number: Number(number), hash } }) };
  }

  /** Takes over one delivered position, once. */
  async take(inbox: InboxEntry, position: Position): Promise<void> {
    await inboxOnce(this.#pool, inbox, (tx) => takePosition(tx, position));
  }
}
