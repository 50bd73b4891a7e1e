import { Inject, Injectable } from '@nestjs/common';
import { inboxOnce, type InboxEntry } from '@skein/events';
import { POOL, type ApiKeyDirectory, type ApiKeyRecord } from '@skein/platform';
import type { Pool } from 'pg';
import type { CallerKeys } from '../application/ports.js';

const IDS_MAX = 10_000;

interface Row {
  prefix: string;
  key_id: string;
  customer: string;
  secret_sha256: string;
  scopes: string[];
  revoked: boolean;
}

/** API keys as billing published them: hashes only. */
@Injectable()
export class KeyCopy implements ApiKeyDirectory, CallerKeys {
  readonly #pool: Pool;
  /** A key's id never changes; whether it is valid is asked each time, by `find`. */
  readonly #ids = new Map<string, string>();
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async find(prefix: string): Promise<ApiKeyRecord | undefined> {
    const row = await this.#row(prefix);
    return row && { prefix, secretSha256: row.secret_sha256, organisation: row.customer, scopes: row.scopes, revoked: row.revoked };
  }

  async keyId(prefix: string): Promise<string | undefined> {
    const known = this.#ids.get(prefix) ?? (await this.#row(prefix))?.key_id;
    if (known !== undefined && this.#ids.size < IDS_MAX) this.#ids.set(prefix, known);
    return known;
  }

  async created(inbox: InboxEntry, key: { prefix: string; keyId: string; customer: string; secretSha256: string; scopes: readonly string[] }): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO api_key (prefix, key_id, customer, secret_sha256, scopes, revoked) VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING', [key.prefix, key.keyId, key.customer, key.secretSha256, [...key.scopes]]);
    });
  }

  async revoked(inbox: InboxEntry, prefix: string): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('UPDATE api_key SET revoked = true WHERE prefix = $1', [prefix]);
    });
  }

  async #row(prefix: string): Promise<Row | undefined> {
    return (await this.#pool.query<Row>({ name: 'api-key', text: 'SELECT * FROM api_key WHERE prefix = $1', values: [prefix] })).rows[0];
  }
}
