import { Inject, Injectable } from '@nestjs/common';
import { POOL, type ApiKeyDirectory, type ApiKeyRecord } from '@skein/platform';
import type { Pool } from 'pg';

interface Row {
  prefix: string;
  customer: string;
  secret_sha256: string;
  scopes: string[];
  revoked: boolean;
}

/** Billing's own keys, from its read model. */
@Injectable()
export class SqlApiKeys implements ApiKeyDirectory {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async find(prefix: string): Promise<ApiKeyRecord | undefined> {
    const { rows } = await this.#pool.query<Row>('SELECT prefix, customer, secret_sha256, scopes, revoked FROM "api_keys".api_key WHERE prefix = $1', [prefix]);
    const [row] = rows;
    return row && { prefix: row.prefix, secretSha256: row.secret_sha256, organisation: row.customer, scopes: row.scopes, revoked: row.revoked };
  }
}
