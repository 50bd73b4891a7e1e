import type { Projection, RecordedEvent, Tx } from '@skein/events';
import { contentOf } from '../domain/outbox/intent.js';
import type { OutboxEvent } from '../domain/outbox/outbox.events.js';

const tables = `CREATE TABLE intent (
  id text PRIMARY KEY,
  kind text NOT NULL,
  content text NOT NULL,
  status text NOT NULL,
  accepted_at_ms bigint NOT NULL,
  accepted_position bigint NOT NULL,
  nonce bigint NOT NULL DEFAULT -1,
  tx_hash text NOT NULL DEFAULT '',
  transactions integer NOT NULL DEFAULT 0,
  how text NOT NULL DEFAULT '',
  block_number bigint NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT ''
);
CREATE INDEX intent_newest ON intent (accepted_position DESC);
CREATE INDEX intent_status ON intent (status, accepted_position DESC);`;

async function apply(tx: Tx, { position, ...event }: RecordedEvent): Promise<void> {
  const { type, data } = event as unknown as OutboxEvent;
  switch (type) {
    case 'skein.staking.intent.accepted.v1':
      await tx.query('INSERT INTO intent (id, kind, content, status, accepted_at_ms, accepted_position) VALUES ($1, $2, $3, $4, $5, $6)', [
        data.id, data.intent.kind, contentOf(data.intent), 'pending', data.acceptedAtMs, position,
      ]);
      return;
    case 'skein.staking.transaction.signed.v1':
      await tx.query("UPDATE intent SET status = 'pending', reason = '', nonce = $2, tx_hash = $3, transactions = CASE WHEN nonce = $2 THEN transactions + 1 ELSE 1 END WHERE id = $1", [data.id, data.nonce, data.transaction.hash]);
      return;
    case 'skein.staking.transaction.reverted.v1':
      await tx.query("UPDATE intent SET status = 'parked', nonce = -1, transactions = 0, reason = $2 WHERE id = $1", [data.id, data.refusal.message]);
      return;
    case 'skein.staking.intent.parked.v1':
      await tx.query("UPDATE intent SET status = 'parked', reason = $2 WHERE id = $1", [data.id, data.refusal.message]);
      return;
    case 'skein.staking.intent.settled.v1':
      await tx.query("UPDATE intent SET status = 'settled', reason = '', how = $2, tx_hash = $3, block_number = $4 WHERE id = $1", [data.id, data.how, data.hash, data.block.number]);
      return;
    case 'skein.staking.intent.contradicted.v1':
      await tx.query("UPDATE intent SET status = 'contradicted', reason = $2, block_number = $3 WHERE id = $1", [data.id, data.difference, data.block.number]);
      return;
    case 'skein.staking.intent.withdrawn.v1':
      await tx.query("UPDATE intent SET status = 'withdrawn', reason = $2 WHERE id = $1", [data.id, data.reason]);
      return;
    case 'skein.staking.signer.thawed.v1':
      await tx.query("UPDATE intent SET nonce = -1, transactions = 0 WHERE status IN ('pending', 'parked') AND nonce >= 0 AND nonce < $1", [data.nonce]);
      return;
    case 'skein.staking.signer.started.v1':
    case 'skein.staking.signer.frozen.v1':
  }
}

/** Every intent ever accepted, and how it stands. */
export const outboxProjection: Projection = {
  name: 'outbox',
  version: 1,
  tables,
  types: [
    'skein.staking.intent.accepted.v1',
    'skein.staking.transaction.signed.v1',
    'skein.staking.transaction.reverted.v1',
    'skein.staking.intent.parked.v1',
    'skein.staking.intent.settled.v1',
    'skein.staking.intent.contradicted.v1',
    'skein.staking.intent.withdrawn.v1',
    'skein.staking.signer.thawed.v1',
  ],
  apply,
};
