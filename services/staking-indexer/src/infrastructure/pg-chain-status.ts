import type pg from 'pg';
import type { ChainStatus, ChainStatusBoard } from '../application/chain-status.js';
import type { Step } from '../application/follow-chain.js';
import type { BlockRef } from '../domain/facts.js';

const HEADS = ['latest', 'safe', 'finalised', 'indexed', 'indexed_finalised'] as const;
const COLUMNS = ['chain_id', ...HEADS.flatMap((head) => [`${head}_number`, `${head}_hash`]), 'halted_rule', 'halted_reason'];
const WRITE = `INSERT INTO chain_status (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((_, at) => `$${at + 1}`).join(', ')})
  ON CONFLICT (chain_id) DO UPDATE SET ${COLUMNS.slice(1).map((column) => `${column} = EXCLUDED.${column}`).join(', ')}, checked_at = clock_timestamp()`;

/** The status board in the service's database. */
export class PgChainStatus implements ChainStatusBoard {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async write(chainId: number, { heads, indexed, finalised, halted }: Step): Promise<void> {
    const refs: BlockRef[] = [heads.latest, heads.safe, heads.finalised, indexed, finalised];
    const values = refs.flatMap(({ number, hash }) => [number, hash]);
    await this.#pool.query(WRITE, [chainId, ...values, halted?.rule ?? null, halted?.message ?? null]);
  }

  async read(chainId: number): Promise<ChainStatus | undefined> {
    const { rows } = await this.#pool.query<Record<string, string>>(
      `SELECT *, (extract(epoch FROM checked_at) * 1000)::bigint AS checked_at_ms FROM chain_status WHERE chain_id = $1`,
      [chainId],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const ref = (head: (typeof HEADS)[number]): BlockRef => ({ number: Number(row[`${head}_number`]), hash: row[`${head}_hash`]! });
    return {
      chainId,
      latest: ref('latest'),
      safe: ref('safe'),
      finalised: ref('finalised'),
      indexed: ref('indexed'),
      indexedFinalised: ref('indexed_finalised'),
      checkedAtMs: Number(row['checked_at_ms']),
      ...(row['halted_rule'] ? { halted: { rule: row['halted_rule'], reason: row['halted_reason'] ?? '' } } : {}),
    };
  }
}
