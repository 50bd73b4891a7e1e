import { ReconciliationFrozenSchema, ReconciliationThawedSchema } from '@skein/contracts/staking';
import { inboxOnce, type InboxEntry } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type pg from 'pg';

const TOPIC = 'staking.reconciliation.v1';

const TAKE = `INSERT INTO payout_freeze (chain, version, frozen, rule, reason) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (chain) DO UPDATE SET version = excluded.version, frozen = excluded.frozen, rule = excluded.rule, reason = excluded.reason, seen_at = clock_timestamp()
  WHERE payout_freeze.version < excluded.version`;

interface Told {
  readonly chain: string;
  readonly version: bigint;
  readonly frozen: boolean;
  readonly rule: string;
  readonly reason: string;
}

/**
 * Whether payouts may rest on stakes: this service's copy of what the staking indexer says, in its table `payout_freeze`.
 * Where nothing has ever been said they may.
 */
export class PayoutFreeze {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Takes over what one message tells, once; an older one changes nothing. */
  async take(inbox: InboxEntry, { chain, version, frozen, rule, reason }: Told): Promise<void> {
    await inboxOnce(this.#pool, inbox, async (tx) => void (await tx.query(TAKE, [chain, version.toString(), frozen, rule, reason])));
  }

  /** Throws `unavailable`, rule `payouts-frozen`, while a chain is frozen: whoever pays waits and tries again. */
  async check(): Promise<void> {
    const { rows } = await this.#pool.query<{ chain: string; rule: string; reason: string }>({
      name: 'payout-freeze', text: 'SELECT chain, rule, reason FROM payout_freeze WHERE frozen ORDER BY chain LIMIT 1',
    });
    const found = rows[0];
    if (found === undefined) return;
    const message = `no payout rests on the stakes of ${found.chain} until an operator thaws: ${found.rule}: ${found.reason}`;
    throw new RejectionError({ code: 'unavailable', rule: 'payouts-frozen', message, retriable: true });
  }
}

/** What keeps the copy. Its consumer stops at a message it cannot read: a freeze must not be passed over. */
export const payoutFreezeHandlers = (freeze: PayoutFreeze): readonly MessageHandler[] => [
  onMessage({
    topic: TOPIC,
    type: 'skein.staking.reconciliation.frozen.v1',
    schema: ReconciliationFrozenSchema,
    handle: ({ chain, version, rule, reason }, { inbox }) => freeze.take(inbox, { chain, version, rule, reason, frozen: true }),
  }),
  onMessage({
    topic: TOPIC,
    type: 'skein.staking.reconciliation.thawed.v1',
    schema: ReconciliationThawedSchema,
    handle: ({ chain, version, reason }, { inbox }) => freeze.take(inbox, { chain, version, rule: '', reason, frozen: false }),
  }),
];
