import type { Tx } from '@skein/events';
import { rawKey, stakedBy, type ChainFact } from '../domain/facts.js';

/** Facts that are observed and not final. A business key is there once: two would be one fact in two blocks. */
export const pendingDdl = `
CREATE TABLE pending (
  block_hash text NOT NULL,
  log_index int NOT NULL,
  block_number bigint NOT NULL,
  tx_hash text NOT NULL,
  ordinal int NOT NULL,
  kind text NOT NULL,
  wallet text,
  task_id text,
  role text,
  staked numeric NOT NULL,
  PRIMARY KEY (block_hash, log_index)
);
CREATE UNIQUE INDEX pending_counts_once ON pending (tx_hash, ordinal);
CREATE INDEX pending_stake ON pending (wallet, role, task_id);
CREATE INDEX pending_task ON pending (task_id, wallet, role);`;

const INSERT = `INSERT INTO pending (block_hash, log_index, block_number, tx_hash, ordinal, kind, wallet, task_id, role, staked)
  SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[], $10::numeric[])`;

/** The pending facts that one batch adds and takes away; most of a backfill's become final within it and are never written. */
export class PendingFacts {
  readonly #tx: Tx;
  readonly #added = new Map<string, ChainFact>();
  readonly #gone = new Map<string, ChainFact>();
  readonly #leftBlocks = new Set<string>();

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  add(fact: ChainFact): void {
    this.#added.set(rawKey(fact), fact);
  }

  remove(fact: ChainFact): void {
    if (!this.#added.delete(rawKey(fact))) this.#gone.set(rawKey(fact), fact);
  }

  /** Void with their blocks. A reorg that is itself undone brings the same log of the same block back. */
  leave(blockHashes: readonly string[]): void {
    for (const hash of blockHashes) this.#leftBlocks.add(hash);
    for (const [key, { blockHash }] of this.#added) if (blockHashes.includes(blockHash)) this.#added.delete(key);
  }

  async flush(): Promise<void> {
    const gone = [...this.#gone.values()];
    if (this.#leftBlocks.size > 0) await this.#tx.query('DELETE FROM pending WHERE block_hash = ANY($1)', [[...this.#leftBlocks]]);
    if (gone.length > 0)
      await this.#tx.query('DELETE FROM pending USING unnest($1::text[], $2::int[]) AS g (hash, at) WHERE block_hash = g.hash AND log_index = g.at', [
        gone.map(({ blockHash }) => blockHash),
        gone.map(({ logIndex }) => logIndex),
      ]);
    const added = [...this.#added.values()];
    if (added.length === 0) return;
    const part = (name: 'wallet' | 'taskId' | 'role') => added.map(({ fact }) => (fact as { readonly [key in typeof name]?: string })[name] ?? null);
    await this.#tx.query(INSERT, [
      added.map(({ blockHash }) => blockHash),
      added.map(({ logIndex }) => logIndex),
      added.map(({ blockNumber }) => blockNumber),
      added.map(({ txHash }) => txHash),
      added.map(({ ordinal }) => ordinal),
      added.map(({ fact }) => fact.kind),
      part('wallet'),
      part('taskId'),
      part('role'),
      added.map(({ fact }) => stakedBy(fact).toString()),
    ]);
  }
}
