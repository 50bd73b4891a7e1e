import type pg from 'pg';
import type { ChainStatus, ChainStatusBoard, Halt } from '../application/chain-status.js';
import type { Step } from '../application/follow-chain.js';
import type { BlockRef } from '../domain/facts.js';

const HEADS = ['latest', 'safe', 'finalised', 'indexed', 'indexed_finalised'] as const;
const HEAD_COLUMNS = HEADS.flatMap((head) => [`${head}_number`, `${head}_hash`]);
const HALT_COLUMNS = ['halted_rule', 'halted_reason', 'halted_lasting'];
const COLUMNS = ['chain_id', ...HEAD_COLUMNS, ...HALT_COLUMNS, 'endpoints_reached', 'endpoints_wanted', 'endpoints_missing'];

const taken = (columns: readonly string[]): string => columns.map((column) => `${column} = EXCLUDED.${column}`).join(', ');
const numbered = (columns: readonly string[]): string => columns.map((_, at) => `$${at + 1}`).join(', ');

const WRITE = `INSERT INTO chain_status (${COLUMNS.join(', ')}) VALUES (${numbered(COLUMNS)})
  ON CONFLICT (chain_id) DO UPDATE SET ${taken(COLUMNS.slice(1))}, checked_at = clock_timestamp()`;
const NOWHERE = HEADS.map(() => `-1, ''`).join(', ');
const HALT = `INSERT INTO chain_status (${[...HALT_COLUMNS, 'chain_id', ...HEAD_COLUMNS].join(', ')}) VALUES ($1, $2, $3, $4, ${NOWHERE})
  ON CONFLICT (chain_id) DO UPDATE SET ${taken(HALT_COLUMNS)}`;

/** The status board in the service's database. */
export class PgChainStatus implements ChainStatusBoard {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async write(chainId: number, { heads, indexed, finalised, halted, lasting = false }: Step): Promise<void> {
    const refs: BlockRef[] = [heads.latest, heads.safe, heads.finalised, indexed, finalised];
    const values = refs.flatMap(({ number, hash }) => [number, hash]);
    const { reached, wanted, missing } = heads.agreement ?? {};
    await this.#pool.query(WRITE, [
      chainId, ...values, halted?.rule ?? null, halted?.message ?? null, lasting, reached ?? null, wanted ?? null, missing ?? null,
    ]);
  }

  async halt(chainId: number, { rule, reason, lasting }: Halt): Promise<void> {
    await this.#pool.query(HALT, [rule, reason, lasting, chainId]);
  }

  async read(chainId: number): Promise<ChainStatus | undefined> {
    const { rows } = await this.#pool.query<Record<string, string | boolean | number | null>>(
      `SELECT *, (extract(epoch FROM checked_at) * 1000)::bigint AS checked_at_ms FROM chain_status WHERE chain_id = $1`,
      [chainId],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const ref = (head: (typeof HEADS)[number]): BlockRef => ({ number: Number(row[`${head}_number`]), hash: String(row[`${head}_hash`]) });
    const { halted_rule: rule, halted_reason: reason, halted_lasting: lasting, endpoints_reached: reached } = row;
    const agreement = { reached: Number(reached), wanted: Number(row['endpoints_wanted']), missing: String(row['endpoints_missing'] ?? '') };
    return {
      chainId,
      latest: ref('latest'),
      safe: ref('safe'),
      finalised: ref('finalised'),
      indexed: ref('indexed'),
      indexedFinalised: ref('indexed_finalised'),
      checkedAtMs: Number(row['checked_at_ms']),
      ...(reached === null ? {} : { agreement }),
      ...(rule ? { halted: { rule: String(rule), reason: String(reason ?? ''), lasting: lasting === true } } : {}),
    };
  }
}
