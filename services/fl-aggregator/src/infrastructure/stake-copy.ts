import { Inject, Injectable } from '@nestjs/common';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { PositionChanged } from '@skein/contracts/staking';
import { inboxOnce } from '@skein/events';
import type { Tx } from '@skein/events';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { POOL } from '@skein/platform';
import type { Pool } from 'pg';
import type { StakePort } from '../application/ports.js';

const ROLE = 'participant';

/** The uuid of a resource name such as tasks/{uuid}. */
const idOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Keeps each wallet's newest position; an older one (redelivered, reordered) changes nothing. */
export async function takePosition(tx: Tx, position: Pick<PositionChanged, 'wallet' | 'version' | 'stakes'>): Promise<void> {
  const { wallet, version, stakes } = position;
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

/** Finalised stakes of participants, as the staking indexer published them. */
@Injectable()
export class StakeCopy implements StakePort {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  async stakesOf(taskId: string, wallets: readonly string[]): Promise<Record<string, bigint>> {
    const { rows } = await this.#pool.query<{ wallet: string; units: string }>(
      'SELECT wallet, units::text FROM stake_on_task WHERE task_id = $1 AND wallet = ANY($2)',
      [taskId, [...wallets]],
    );
    return Object.fromEntries(rows.map(({ wallet, units }) => [wallet, BigInt(units)]));
  }

  /** Handler of the indexer's events. */
  readonly handler: MessageHandler<typeof PositionChangedSchema> = {
    topic: 'staking.position.v1',
    type: 'skein.staking.position.changed.v1',
    schema: PositionChangedSchema,
    handle: async (message: PositionChanged, delivery: Delivery) => {
      await inboxOnce(this.#pool, delivery.inbox, (tx) => takePosition(tx, message));
    },
  };
}
