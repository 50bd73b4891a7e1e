import type { Projection, Tx } from '@skein/events';
import type { EpochClosed, EpochEvent } from '../domain/epoch/epoch.events.js';
import type { ChallengeStarted, TaskCancelled, TaskFinished } from '../domain/task/task.events.js';

type Event = EpochEvent | ChallengeStarted | TaskFinished | TaskCancelled;

const PHASES: Readonly<Record<string, string>> = {
  'skein.arena.epoch.commits-closed.v1': 'revealing',
  'skein.arena.epoch.scoring-requested.v1': 'scoring',
  'skein.arena.epoch.cancelled.v1': 'cancelled',
};

async function close(tx: Tx, data: EpochClosed['data']): Promise<void> {
  const { taskId, epoch, rewards, validators } = data;
  await tx.query(
    `UPDATE epochs SET phase = 'closed', minted = $3, carried_in = $4, paid = $5, locked = $6, carried_out = $7, nodes = $8, validators = $9 WHERE task_id = $1 AND number = $2`,
    [taskId, epoch, ...[data.mintedUnits, data.carriedInUnits, data.paidUnits, data.lockedUnits, data.carriedOutUnits, data.nodesUnits, data.validatorsUnits].map(String)],
  );
  const totals = new Map(validators.map((one) => [one.wallet, one]));
  for (const { wallet, role, paidUnits, poolPaidUnits, rank, share } of rewards)
    await tx.query(
      `INSERT INTO rewards (task_id, epoch, role, wallet, paid, pool_paid, rank, share, stake_share) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [taskId, epoch, role, wallet, paidUnits.toString(), poolPaidUnits.toString(), rank, share.toString(), (role === 'validator' ? (totals.get(wallet)?.stakeShare ?? 0n) : 0n).toString()],
    );
}

async function apply(tx: Tx, event: Event): Promise<unknown> {
  switch (event.type) {
    case 'skein.arena.epoch.opened.v1': {
      const { taskId, epoch, rewardEpoch, openedAtMs } = event.data;
      return tx.query('INSERT INTO epochs (task_id, number, phase, reward_epoch, opened_at_ms) VALUES ($1, $2, $3, $4, $5)', [taskId, epoch, 'committing', rewardEpoch, openedAtMs]);
    }
    case 'skein.arena.epoch.commits-closed.v1':
    case 'skein.arena.epoch.scoring-requested.v1':
    case 'skein.arena.epoch.cancelled.v1':
      return tx.query('UPDATE epochs SET phase = $3 WHERE task_id = $1 AND number = $2', [event.data.taskId, event.data.epoch, PHASES[event.type]]);
    case 'skein.arena.epoch.closed.v1':
      return close(tx, event.data);
    case 'skein.arena.task.challenge-started.v1':
      for (const { wallet, rank, lockedUnits, poolLockedUnits } of event.data.rewards)
        await tx.query(`INSERT INTO rewards (task_id, epoch, role, wallet, locked, pool_locked, rank) VALUES ($1, 0, 'node', $2, $3, $4, $5)`, [
          event.data.taskId, wallet, lockedUnits.toString(), poolLockedUnits.toString(), rank,
        ]);
      return undefined;
    case 'skein.arena.task.finished.v1': {
      const { taskId, policy, vestingStartMs, vestingDurationMs } = event.data;
      return tx.query('UPDATE rewards SET vesting_start_ms = $2, vesting_duration_ms = $3, epoch_ms = $4 WHERE task_id = $1 AND epoch = 0', [
        taskId, vestingStartMs, vestingDurationMs, policy.schedule.epochSeconds * 1000,
      ]);
    }
    default:
      return undefined;
  }
}

const UNITS = 'numeric(78, 0) NOT NULL DEFAULT 0';

/** Where each epoch's minted amount went, and what each wallet gets. `epoch` 0 is the share in the locked pool. */
export const rewardsProjection: Projection = {
  name: 'arena_rewards',
  version: 1,
  tables: `
    CREATE TABLE epochs (
      task_id uuid NOT NULL,
      number integer NOT NULL,
      phase text NOT NULL,
      reward_epoch bigint NOT NULL,
      opened_at_ms bigint NOT NULL,
      minted ${UNITS},
      carried_in ${UNITS},
      paid ${UNITS},
      locked ${UNITS},
      carried_out ${UNITS},
      nodes ${UNITS},
      validators ${UNITS},
      PRIMARY KEY (task_id, number)
    );
    CREATE TABLE rewards (
      task_id uuid NOT NULL,
      epoch integer NOT NULL,
      role text NOT NULL,
      wallet text NOT NULL,
      paid ${UNITS},
      pool_paid ${UNITS},
      locked ${UNITS},
      pool_locked ${UNITS},
      rank integer NOT NULL DEFAULT 0,
      share ${UNITS},
      stake_share ${UNITS},
      vesting_start_ms bigint NOT NULL DEFAULT 0,
      vesting_duration_ms bigint NOT NULL DEFAULT 0,
      epoch_ms bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (task_id, epoch, role, wallet)
    );
    CREATE INDEX epochs_open ON epochs (opened_at_ms) WHERE phase NOT IN ('closed', 'cancelled');
    CREATE INDEX rewards_by_wallet ON rewards (wallet, task_id, epoch, role)`,
  types: [
    'skein.arena.epoch.opened.v1',
    'skein.arena.epoch.commits-closed.v1',
    'skein.arena.epoch.scoring-requested.v1',
    'skein.arena.epoch.cancelled.v1',
    'skein.arena.epoch.closed.v1',
    'skein.arena.task.challenge-started.v1',
    'skein.arena.task.finished.v1',
  ],
  apply: async (tx, recorded) => void (await apply(tx, { type: recorded.type, data: recorded.data } as Event)),
};
