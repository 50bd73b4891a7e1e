import { Inject, Injectable } from '@nestjs/common';
import { POOL } from '@skein/platform';
import type { Pool } from 'pg';
import type { UpdateRead, UpdateReadLog } from '../application/ports.js';

/** The log of reads of raw updates, in the service's database. */
@Injectable()
export class UpdateReadTable implements UpdateReadLog {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async record({ taskId, round, sha256, reader }: UpdateRead): Promise<void> {
    await this.#pool.query('INSERT INTO update_read (task_id, round, sha256, reader) VALUES ($1, $2, $3, $4)', [taskId, round, sha256, reader]);
  }

  async list(taskId: string): Promise<readonly (UpdateRead & { readonly readAtMs: number })[]> {
    const { rows } = await this.#pool.query<{ round: number; sha256: string; reader: string; read_at_ms: string }>(
      'SELECT round, sha256, reader, read_at_ms FROM update_read WHERE task_id = $1 ORDER BY id LIMIT 10000',
      [taskId],
    );
    return rows.map((row) => ({ taskId, round: row.round, sha256: row.sha256, reader: row.reader, readAtMs: Number(row.read_at_ms) }));
  }
}
