import { Inject, Injectable } from '@nestjs/common';
import { inboxOnce } from '@skein/events';
import type { Delivery } from '@skein/messaging';
import { POOL } from '@skein/platform';
import type { Pool } from 'pg';
import type { FinishedTasks } from '../application/ports.js';

/** Table `finished_task`: local copy of which tasks the arena has finished. */
@Injectable()
export class FinishedTaskTable implements FinishedTasks {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async isFinished(task: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query('SELECT 1 FROM finished_task WHERE task = $1', [task]);
    return rowCount === 1;
  }

  async note(task: string, { inbox }: Pick<Delivery, 'inbox'>): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => {
      await tx.query('INSERT INTO finished_task (task) VALUES ($1) ON CONFLICT DO NOTHING', [task]);
    });
  }
}
