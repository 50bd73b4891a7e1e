import { ReconciliationFrozenSchema, ReconciliationPassedSchema, ReconciliationThawedSchema } from '@skein/contracts/staking';
import { RejectionError } from '@skein/kernel';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type pg from 'pg';

const TOPIC = 'staking.reconciliation.v1';

// Of two logs of the indexer the later one counts, of one log the newest version.
const TOLD = `INSERT INTO payout_freeze AS f (chain, log_since_ms, version, frozen, rule, reason) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (chain) DO UPDATE SET log_since_ms = excluded.log_since_ms, version = excluded.version, frozen = excluded.frozen,
    rule = excluded.rule, reason = excluded.reason, seen_at = clock_timestamp()
  WHERE (f.log_since_ms, f.version) < (excluded.log_since_ms, excluded.version)`;
// What was frozen stays so. A message that comes late holds no longer for it, nor does one from a clock that is ahead.
const PASSED = `INSERT INTO payout_freeze AS f (chain, log_since_ms, version, frozen, rule, reason, reconciled_block, reconciled_until_ms)
  VALUES ($1, $2, $3, false, '', '', $4, least($5::bigint, es_now_ms()) + $6::bigint)
  ON CONFLICT (chain) DO UPDATE SET log_since_ms = excluded.log_since_ms, version = excluded.version,
    reconciled_block = excluded.reconciled_block, reconciled_until_ms = excluded.reconciled_until_ms, seen_at = clock_timestamp()
  WHERE (f.log_since_ms, f.version) < (excluded.log_since_ms, excluded.version)`;

/** Whose word it is; `logSinceMs`: when that log of the indexer began. */
interface Told {
  readonly chain: string;
  readonly version: bigint;
  readonly logSinceMs: bigint;
}

/** A freeze with its cause, or a thaw. */
interface ToldFreeze extends Told {
  readonly frozen: boolean;
  readonly rule: string;
  readonly reason: string;
}

/** Totals were the contracts' at a block; that holds for a while from `checkedAtMs` on. */
interface ToldPass extends Told {
  readonly block: bigint;
  readonly checkedAtMs: bigint;
  readonly holdsForMs: bigint;
}

/**
 * Whether payouts may rest on stakes: this service's copy of what the staking indexer says, in its table `payout_freeze`. It is
 * obeyed where a payout is appended, by the trigger `payout_guard` on `es_event`, which refuses (`unavailable`) with one of
 *
 * - `payouts-frozen`: until an operator thaws;
 * - `reconciliation-halted`: the consumer that keeps this copy stands before a message;
 * - `reconciliation-stale`: nothing was heard for so long that the last comparison no longer holds;
 * - `reconciliation-missing`: nothing has ever been heard.
 */
export class PayoutFreeze {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Takes over a freeze or a thaw. One that comes again, or late, changes nothing. */
  async take({ chain, logSinceMs, version, frozen, rule, reason }: ToldFreeze): Promise<void> {
    await this.#pool.query(TOLD, [chain, logSinceMs.toString(), version.toString(), frozen, rule, reason]);
  }

  /** Takes over that nothing differs. One that comes again, or late, changes nothing. It lifts no freeze, whichever log of the indexer says it. */
  async pass({ chain, logSinceMs, version, block, checkedAtMs, holdsForMs }: ToldPass): Promise<void> {
    await this.#pool.query(PASSED, [chain, ...[logSinceMs, version, block, checkedAtMs, holdsForMs].map(String)]);
  }

  /**
   * Throws `unavailable`, rule `reconciliation-behind`, where stakes that a payout was decided by are final as of a later block than
   * was compared, as far as this copy has heard. Once true it stays so, so nothing can come between this and the payout.
   */
  async reached(block: bigint): Promise<void> {
    const { rows } = await this.#pool.query<{ chain: string; reconciled: string }>({
      name: 'payout-reached', text: 'SELECT chain, coalesce(reconciled_block, -1) AS reconciled FROM payout_freeze WHERE coalesce(reconciled_block, -1) < $1 ORDER BY chain LIMIT 1', values: [block.toString()],
    });
    const behind = rows[0];
    if (behind === undefined) return;
    const message = `no payout rests on the stakes of ${behind.chain} as of block ${block} before they are compared with their contracts: that was done up to block ${behind.reconciled}`;
    throw new RejectionError({ code: 'unavailable', rule: 'reconciliation-behind', message, retriable: true });
  }
}

/** What keeps the copy. Its consumer stops at a message it cannot read: a freeze must not be passed over. */
export const payoutFreezeHandlers = (freeze: PayoutFreeze): readonly MessageHandler[] => [
  onMessage({
    topic: TOPIC,
    type: 'skein.staking.reconciliation.frozen.v1',
    schema: ReconciliationFrozenSchema,
    handle: (message) => freeze.take({ ...message, frozen: true }),
  }),
  onMessage({
    topic: TOPIC,
    type: 'skein.staking.reconciliation.passed.v1',
    schema: ReconciliationPassedSchema,
    handle: (message) => freeze.pass({ ...message, block: message.asOf?.number ?? 0n }),
  }),
  onMessage({
    topic: TOPIC,
    type: 'skein.staking.reconciliation.thawed.v1',
    schema: ReconciliationThawedSchema,
    handle: (message) => freeze.take({ ...message, frozen: false, rule: '' }),
  }),
];
