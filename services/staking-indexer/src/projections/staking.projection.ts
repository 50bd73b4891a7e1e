import type { Projection, RecordedEvent, Tx } from '@skein/events';
import type { ChainEvent } from '../domain/chain/chain.events.js';
import { stakedBy, type ChainFact, type Fact } from '../domain/facts.js';

/** Name of the projection, its schema and its checkpoint. */
export const STAKING_VIEW = 'staking';

const tables = `
CREATE TABLE fact (
  block_hash text NOT NULL,
  log_index int NOT NULL,
  block_number bigint NOT NULL,
  tx_hash text NOT NULL,
  ordinal int NOT NULL,
  status text NOT NULL CHECK (status IN ('observed', 'finalised', 'reverted')),
  kind text NOT NULL,
  wallet text,
  task_id text,
  role text,
  staked numeric NOT NULL,
  PRIMARY KEY (block_hash, log_index)
);
CREATE UNIQUE INDEX fact_counts_once ON fact (tx_hash, ordinal) WHERE status <> 'reverted';
CREATE INDEX fact_pending ON fact (wallet, role, task_id) WHERE status = 'observed';
CREATE INDEX fact_block ON fact (block_number);
CREATE TABLE stake (
  wallet text NOT NULL,
  role text NOT NULL,
  task_id text NOT NULL,
  units numeric NOT NULL CHECK (units > 0),
  PRIMARY KEY (wallet, role, task_id)
);
CREATE INDEX stake_task ON stake (task_id, role);
CREATE TABLE lock (
  lock_id numeric PRIMARY KEY,
  wallet text NOT NULL,
  flock numeric NOT NULL,
  gm_flock numeric NOT NULL,
  flock_remaining numeric NOT NULL,
  gm_flock_remaining numeric NOT NULL,
  multiplier int NOT NULL,
  fee_bps int NOT NULL,
  unlock_at_ms bigint NOT NULL
);
CREATE INDEX lock_wallet ON lock (wallet, lock_id);
CREATE TABLE task (
  task_id text PRIMARY KEY,
  latest_end_ms bigint NOT NULL,
  finished boolean NOT NULL
);
CREATE TABLE progress (
  chain_id bigint PRIMARY KEY,
  cursor_number bigint NOT NULL,
  cursor_hash text NOT NULL,
  finalised_number bigint NOT NULL,
  finalised_hash text NOT NULL
);`;

// A reorg that is itself undone brings the same log of the same block back.
const OBSERVE = `INSERT INTO fact (block_hash, log_index, block_number, tx_hash, ordinal, status, kind, wallet, task_id, role, staked)
  VALUES ($1, $2, $3, $4, $5, 'observed', $6, $7, $8, $9, $10)
  ON CONFLICT (block_hash, log_index) DO UPDATE SET status = 'observed'`;

async function observe(tx: Tx, { blockHash, logIndex, blockNumber, txHash, ordinal, fact }: ChainFact): Promise<void> {
  const wallet = 'wallet' in fact ? fact.wallet : null;
  const taskId = 'taskId' in fact ? fact.taskId : null;
  const role = 'role' in fact ? fact.role : null;
  const place = [blockHash, logIndex, blockNumber, txHash, ordinal];
  await tx.query(OBSERVE, [...place, fact.kind, wallet, taskId, role, stakedBy(fact).toString()]);
}

async function apply(tx: Tx, fact: Fact): Promise<void> {
  switch (fact.kind) {
    case 'locked': {
      const amounts = [fact.amount, fact.gm].map(String);
      await tx.query(
        `INSERT INTO lock (lock_id, wallet, flock, gm_flock, flock_remaining, gm_flock_remaining, multiplier, fee_bps, unlock_at_ms)
         VALUES ($1, $2, $3, $4, $3, $4, $5, $6, $7)`,
        [fact.lockId.toString(), fact.wallet, ...amounts, fact.multiplier, fact.feeBps, fact.unlockAtMs],
      );
      return;
    }
    case 'redeemed':
      await tx.query('UPDATE lock SET flock_remaining = $2, gm_flock_remaining = $3 WHERE lock_id = $1', [
        fact.lockId.toString(),
        fact.amountRemaining.toString(),
        fact.gmRemaining.toString(),
      ]);
      return;
    case 'task-opened':
      await tx.query('INSERT INTO task (task_id, latest_end_ms, finished) VALUES ($1, $2, false)', [fact.taskId, fact.latestEndMs]);
      return;
    case 'task-finished':
      await tx.query('UPDATE task SET finished = true WHERE task_id = $1', [fact.taskId]);
      return;
    case 'staked':
      await tx.query(
        `INSERT INTO stake (wallet, role, task_id, units) VALUES ($1, $2, $3, $4)
         ON CONFLICT (wallet, role, task_id) DO UPDATE SET units = stake.units + EXCLUDED.units`,
        [fact.wallet, fact.role, fact.taskId, fact.amount.toString()],
      );
      return;
    case 'withdrawn':
      await tx.query('DELETE FROM stake WHERE wallet = $1 AND role = $2 AND task_id = $3', [fact.wallet, fact.role, fact.taskId]);
  }
}

async function applyEvent(tx: Tx, event: ChainEvent): Promise<void> {
  switch (event.type) {
    case 'skein.staking.chain.started.v1': {
      const { chainId, cursor, genesis } = event.data;
      await tx.query('INSERT INTO progress VALUES ($1, $2, $3, $4, $5)', [chainId, cursor.number, cursor.hash, genesis.number, genesis.hash]);
      return;
    }
    case 'skein.staking.fact.observed.v1':
      return observe(tx, event.data);
    case 'skein.staking.fact.finalised.v1': {
      const { blockHash, logIndex, fact } = event.data;
      await tx.query(`UPDATE fact SET status = 'finalised' WHERE block_hash = $1 AND log_index = $2`, [blockHash, logIndex]);
      return apply(tx, fact);
    }
    case 'skein.staking.blocks.reverted.v1': {
      const { ancestor, blocks } = event.data;
      await tx.query(`UPDATE fact SET status = 'reverted' WHERE block_hash = ANY($1)`, [blocks.map(({ hash }) => hash)]);
      await tx.query('UPDATE progress SET cursor_number = $1, cursor_hash = $2', [ancestor.number, ancestor.hash]);
      return;
    }
    case 'skein.staking.cursor.moved.v1': {
      const { cursor, finalised } = event.data;
      await tx.query('UPDATE progress SET cursor_number = $1, cursor_hash = $2, finalised_number = $3, finalised_hash = $4', [
        cursor.number,
        cursor.hash,
        finalised.number,
        finalised.hash,
      ]);
    }
  }
}

/** Facts with their fate; locks, stakes and tasks by final facts. */
export const stakingProjection: Projection = {
  name: STAKING_VIEW,
  version: 1,
  tables,
  types: [
    'skein.staking.chain.started.v1',
    'skein.staking.fact.observed.v1',
    'skein.staking.fact.finalised.v1',
    'skein.staking.blocks.reverted.v1',
    'skein.staking.cursor.moved.v1',
  ],
  apply: (tx: Tx, event: RecordedEvent) => applyEvent(tx, { type: event.type, data: event.data } as ChainEvent),
};
