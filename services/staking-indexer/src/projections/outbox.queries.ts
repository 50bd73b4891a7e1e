import type pg from 'pg';

/** An intent as the read model has it; `position` orders by acceptance. */
export interface IntentRow {
  readonly id: string;
  readonly kind: string;
  readonly content: string;
  readonly status: string;
  readonly acceptedAtMs: bigint;
  readonly position: bigint;
  readonly nonce: bigint;
  readonly txHash: string;
  readonly transactions: number;
  readonly how: string;
  readonly block: bigint;
  readonly reason: string;
}

const COLUMNS = `id, kind, content, status, accepted_at_ms AS "acceptedAtMs", accepted_position AS position, nonce, tx_hash AS "txHash", transactions, how, block_number AS block, reason`;

type Stored = Record<'id' | 'kind' | 'content' | 'status' | 'acceptedAtMs' | 'position' | 'nonce' | 'txHash' | 'how' | 'block' | 'reason', string> & { transactions: number };

const rowOf = (row: Stored): IntentRow => ({ ...row, acceptedAtMs: BigInt(row.acceptedAtMs), position: BigInt(row.position), nonce: BigInt(row.nonce), block: BigInt(row.block) });

/** Reads of the outbox's read model. */
export class OutboxQueries {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** The newest first. `before`: only those accepted at a lower position. */
  async intents({ status, before, limit }: { readonly status: string; readonly before?: bigint; readonly limit: number }): Promise<IntentRow[]> {
    const { rows } = await this.#pool.query<Stored>(
      `SELECT ${COLUMNS} FROM "outbox".intent WHERE ($1 = '' OR status = $1) AND ($2::bigint IS NULL OR accepted_position < $2) ORDER BY accepted_position DESC LIMIT $3`,
      [status, before ?? null, limit],
    );
    return rows.map(rowOf);
  }

  /** The one of that id, or none. */
  async intent(id: string): Promise<IntentRow[]> {
    const { rows } = await this.#pool.query<Stored>(`SELECT ${COLUMNS} FROM "outbox".intent WHERE id = $1`, [id]);
    return rows.map(rowOf);
  }

  /** What of these intents was decided, by id; those that were never accepted are missing. */
  async contents(ids: readonly string[]): Promise<Map<string, Record<string, unknown>>> {
    if (ids.length === 0) return new Map();
    const { rows } = await this.#pool.query<{ id: string; content: string }>('SELECT id, content FROM "outbox".intent WHERE id = ANY($1)', [[...ids]]);
    return new Map(rows.map(({ id, content }) => [id, JSON.parse(content) as Record<string, unknown>]));
  }
}
