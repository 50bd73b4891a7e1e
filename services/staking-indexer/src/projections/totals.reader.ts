import { waitForPosition, type EventStore } from '@skein/events';
import type { KnownTotal, TotalsReader, TotalsSnapshot } from '../application/reconcile.js';
import type { Total } from '../application/totals.js';
import type { StakeRole } from '../domain/facts.js';
import { STAKING_VIEW } from './staking.projection.js';

const WAIT_MS = 5_000;

// One statement, one snapshot: the sums and the block they stand at.
const READ = `SELECT p.finalised_number, p.finalised_hash, es_now_ms() AS now_ms, (SELECT max(since) FROM staking.total) AS newest,
    (SELECT json_agg(json_build_array(t.name, t.units::text) ORDER BY t.name) FROM staking.total t) AS totals
  FROM staking.progress p WHERE p.chain_id = $1`;

interface Row {
  readonly finalised_number: string;
  readonly finalised_hash: string;
  readonly now_ms: string;
  readonly newest: string | null;
  readonly totals: readonly (readonly [string, string])[] | null;
}

/** The total that a sum of the read model is, where a contract knows it, too. */
function totalOf(name: string): Total | undefined {
  const [kind, of = '', role = ''] = name.split(' ');
  switch (kind) {
    case 'staked':
    case 'locked':
    case 'minted':
    case 'federation-flock':
    case 'federation-gm-flock':
      return { name: kind };
    case 'task-staked':
      return { name: kind, taskId: of.slice('tasks/'.length), role: role as StakeRole };
    case 'pool-principal':
      return { name: kind, pool: of };
    case 'rewards-funded':
    case 'rewards-paid':
      return { name: kind, rewards: of };
    default:
      return undefined;
  }
}

/**
 * Sums of the read model, of the last final block that it holds. `tellers`: the reactors by which others hear of final facts; where
 * one of them stands (a position that contradicts the chain) there is nothing to pay on either.
 */
export class StakingTotals implements TotalsReader {
  readonly #store: EventStore;
  readonly #chainId: number;
  readonly #tellers: readonly string[];

  constructor(store: EventStore, chainId: number, tellers: readonly string[] = []) {
    this.#store = store;
    this.#chainId = chainId;
    this.#tellers = tellers;
  }

  async read(): Promise<TotalsSnapshot | undefined> {
    const { pool } = this.#store;
    const head = await this.#store.headPosition();
    const caughtUp = await Promise.all([STAKING_VIEW, ...this.#tellers].map((name) => waitForPosition(pool, name, head, WAIT_MS)));
    if (caughtUp.includes(false)) return undefined;
    const { rows } = await pool.query<Row>(READ, [this.#chainId]);
    const row = rows[0];
    // Facts of a block that is not wholly there yet: a decision that took more than one append.
    if (row === undefined || Number(row.newest ?? 0) > Number(row.finalised_number)) return undefined;
    const totals = (row.totals ?? []).flatMap(([name, units]): KnownTotal[] => {
      const total = totalOf(name);
      return total === undefined ? [] : [{ total, units: BigInt(units) }];
    });
    return { block: { number: Number(row.finalised_number), hash: row.finalised_hash }, totals, readAtMs: Number(row.now_ms) };
  }
}
