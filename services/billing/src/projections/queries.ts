import { Inject, Injectable } from '@nestjs/common';
import { RejectionError } from '@skein/kernel';
import { POOL, type OpenWorkflow } from '@skein/platform';
import type { Pool } from 'pg';
import type { BillingQueries, ChargeRow, Page, StatementRow, TrialBalanceRow } from '../application/views.js';

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_SCHEMA = '3F000';

const hasCode = (error: unknown): error is { code: string } => typeof error === 'object' && error !== null && 'code' in error;

/** Reads the projections. */
@Injectable()
export class SqlBillingQueries implements BillingQueries {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async charges(customer: string, limit: number, pageToken: string): Promise<Page<ChargeRow>> {
    const after = /^\d{1,18}$/.test(pageToken) ? pageToken : '0';
    const rows = await this.#read<ChargeRow & { position: string }>('SELECT * FROM "charges".charge WHERE customer = $1 AND position > $2 ORDER BY position LIMIT $3', [customer, after, limit + 1]);
    return { rows: rows.slice(0, limit), nextPageToken: rows.length > limit ? rows[limit - 1]!.position : '' };
  }

  async statements(limit: number, pageToken: string): Promise<Page<StatementRow>> {
    const payees = await this.#read<{ payee: string }>('SELECT DISTINCT payee FROM "books".statement WHERE payee > $1 ORDER BY payee LIMIT $2', [pageToken, limit + 1]);
    const shown = payees.slice(0, limit).map(({ payee }) => payee);
    const rows = await this.#read<StatementRow>('SELECT * FROM "books".statement WHERE payee = ANY ($1) AND units <> 0 ORDER BY payee, asset, class, source', [shown]);
    return { rows, nextPageToken: payees.length > limit ? shown.at(-1)! : '' };
  }

  async statement(payee: string): Promise<readonly StatementRow[]> {
    return this.#read<StatementRow>('SELECT * FROM "books".statement WHERE payee = $1 AND units <> 0 ORDER BY asset, class, source', [payee]);
  }

  async openHolds(limit: number): Promise<OpenWorkflow[]> {
    const rows = await this.#read<{ reservation_id: string; reserved_at_ms: string }>('SELECT reservation_id, reserved_at_ms FROM "charges".open_hold ORDER BY reserved_at_ms LIMIT $1', [limit]);
    return rows.map(({ reservation_id: key, reserved_at_ms: openedAtMs }) => ({ instance: `holds/${key}`, key, openedAtMs: Number(openedAtMs) }));
  }

  async trialBalance(): Promise<{ rows: readonly TrialBalanceRow[]; ledgers: number }> {
    const rows = await this.#read<TrialBalanceRow>(
      `SELECT asset, class AS account, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
              sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending
       FROM "books".account JOIN "books".ledger USING (ledger_id) GROUP BY asset, class ORDER BY asset, class`,
    );
    const [count] = await this.#read<{ ledgers: string }>('SELECT count(*) AS ledgers FROM "books".ledger');
    return { rows, ledgers: Number(count?.ledgers ?? 0) };
  }

  /** A read model that no worker has made yet is not an empty one. */
  async #read<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (error) {
      if (!hasCode(error) || (error.code !== UNDEFINED_TABLE && error.code !== UNDEFINED_SCHEMA)) throw error;
      throw new RejectionError({ code: 'unavailable', rule: 'read-model-missing', message: 'the read model is being made, try again', retriable: true });
    }
  }
}
