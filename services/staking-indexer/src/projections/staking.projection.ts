import type { Projection, RecordedEvent, Tx } from '@skein/events';
import type { ChainEvent, CursorMoved } from '../domain/chain/chain.events.js';
import type { ChainFact } from '../domain/facts.js';
import { book, readAhead } from './ledger/book.js';
import { Ledger } from './ledger/ledger.js';
import { ledgerDdl } from './ledger/tables.js';
import { pendingDdl, PendingFacts } from './pending-facts.js';

/** Name of the projection, its schema and its checkpoint. */
export const STAKING_VIEW = 'staking';

const tables = `${ledgerDdl}
${pendingDdl}
CREATE TABLE block_time (
  block_number bigint PRIMARY KEY,
  time_ms bigint NOT NULL
);
CREATE INDEX block_time_time ON block_time (time_ms, block_number);
CREATE TABLE progress (
  chain_id bigint PRIMARY KEY,
  genesis_number bigint NOT NULL,
  cursor_number bigint NOT NULL,
  cursor_hash text NOT NULL,
  finalised_number bigint NOT NULL,
  finalised_hash text NOT NULL
);`;

async function writeTimes(tx: Tx, facts: readonly ChainFact[]): Promise<void> {
  const times = new Map(facts.flatMap(({ blockNumber, blockTimeMs }) => (blockTimeMs === undefined ? [] : [[blockNumber, blockTimeMs] as const])));
  if (times.size === 0) return;
  await tx.query('INSERT INTO block_time SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING', [[...times.keys()], [...times.values()]]);
}

async function moveTo(tx: Tx, { cursor, finalised }: CursorMoved['data']): Promise<void> {
  await tx.query('UPDATE progress SET cursor_number = $1, cursor_hash = $2, finalised_number = $3, finalised_hash = $4', [
    cursor.number,
    cursor.hash,
    finalised.number,
    finalised.hash,
  ]);
}

/** Of many moves of the cursor the last one alone is written, before the next event that writes it otherwise. */
class Cursor {
  readonly #tx: Tx;
  #moved: CursorMoved['data'] | undefined;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  move(moved: CursorMoved['data']): void {
    this.#moved = moved;
  }

  async flush(): Promise<void> {
    const moved = this.#moved;
    this.#moved = undefined;
    if (moved !== undefined) await moveTo(this.#tx, moved);
  }
}

function finalFactsOf(event: ChainEvent): readonly ChainFact[] {
  if (event.type === 'skein.staking.facts.finalised.v1') return event.data.facts;
  return event.type === 'skein.staking.fact.finalised.v1' ? [event.data] : [];
}

async function applyBatch(tx: Tx, events: readonly ChainEvent[]): Promise<void> {
  const [ledger, pending, cursor] = [new Ledger(tx), new PendingFacts(tx), new Cursor(tx)];
  const final = events.flatMap(finalFactsOf);
  await readAhead(ledger, final.map(({ fact }) => fact));
  for (const event of events) {
    switch (event.type) {
      case 'skein.staking.chain.started.v1': {
        const { chainId, cursor: from, genesis } = event.data;
        const values = [chainId, genesis.number, from.number, from.hash, genesis.number, genesis.hash];
        await tx.query('INSERT INTO progress VALUES ($1, $2, $3, $4, $5, $6)', values);
        break;
      }
      case 'skein.staking.fact.observed.v1':
        pending.add(event.data);
        break;
      case 'skein.staking.fact.finalised.v1':
        pending.remove(event.data);
        await bookAll(ledger, [event.data]);
        break;
      // Those were never pending: nobody had observed them.
      case 'skein.staking.facts.finalised.v1':
        await bookAll(ledger, event.data.facts);
        break;
      case 'skein.staking.blocks.reverted.v1': {
        const { ancestor, blocks } = event.data;
        pending.leave(blocks.map(({ hash }) => hash));
        await cursor.flush();
        await tx.query('UPDATE progress SET cursor_number = $1, cursor_hash = $2', [ancestor.number, ancestor.hash]);
        break;
      }
      case 'skein.staking.cursor.moved.v1':
        cursor.move(event.data);
    }
  }
  await ledger.flush();
  await pending.flush();
  await cursor.flush();
  await writeTimes(tx, final);
}

async function bookAll(ledger: Ledger, facts: readonly ChainFact[]): Promise<void> {
  for (const { fact, blockNumber, blockTimeMs = null } of facts) await book(ledger, fact, { block: blockNumber, timeMs: blockTimeMs });
}

/** Everything that final facts lead to, as it is and as it was after each block; facts that are pending. */
export const stakingProjection: Projection = {
  name: STAKING_VIEW,
  version: 2,
  tables,
  types: [
    'skein.staking.chain.started.v1',
    'skein.staking.fact.observed.v1',
    'skein.staking.fact.finalised.v1',
    'skein.staking.facts.finalised.v1',
    'skein.staking.blocks.reverted.v1',
    'skein.staking.cursor.moved.v1',
  ],
  apply: (tx: Tx, event: RecordedEvent) => applyBatch(tx, [event as ChainEvent & RecordedEvent]),
  applyBatch: (tx: Tx, events: readonly RecordedEvent[]) => applyBatch(tx, events as readonly (ChainEvent & RecordedEvent)[]),
};
