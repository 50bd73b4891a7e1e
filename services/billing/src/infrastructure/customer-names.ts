import { Inject, Injectable } from '@nestjs/common';
import { POOL } from '@skein/platform';
import type { Pool } from 'pg';

/** Names of customers: the one mutable table with personal data. */
@Injectable()
export class CustomerNames {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  /** Keeps a new customer's name; a repetition changes nothing. */
  async keep(customerId: string, displayName: string): Promise<void> {
    await this.#pool.query('INSERT INTO customer_name (customer_id, display_name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [customerId, displayName]);
  }

  /** Empty when there is none, or it was erased. */
  async find(customerId: string): Promise<string> {
    const { rows } = await this.#pool.query<{ display_name: string }>('SELECT display_name FROM customer_name WHERE customer_id = $1', [customerId]);
    return rows[0]?.display_name ?? '';
  }
}
