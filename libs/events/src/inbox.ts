import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import { eventMetrics } from './metrics.js';
import { inTransaction } from './transaction.js';
import type { InboxEntry, Tx } from './types.js';

/** Gives a message its effect once: row and effect in one transaction. False where it was seen before; whatever `effect` throws undoes both. */
export async function inboxOnce(pool: Pool, entry: InboxEntry, effect: (tx: Tx) => Promise<void>): Promise<boolean> {
  failpoint('inbox.before');
  const first = await inTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [entry.consumer, entry.messageId]);
    if (rowCount === 0) {
      eventMetrics(pool).inboxDuplicates.add(1, { consumer: entry.consumer });
      return false;
    }
    failpoint('inbox.written');
    await effect(tx);
    failpoint('inbox.effect');
    return true;
  });
  if (first) failpoint('inbox.committed');
  return first;
}

/** Whether a message has had its effect, or never shall have one. For handlers of several commands, of which the last carries the inbox entry. */
export async function inboxHas(pool: Pool, { consumer, messageId }: InboxEntry): Promise<boolean> {
  const { rowCount } = await pool.query({ name: 'es-inbox-has', text: 'SELECT FROM es_inbox WHERE consumer = $1 AND message_id = $2', values: [consumer, messageId] });
  return rowCount === 1;
}
