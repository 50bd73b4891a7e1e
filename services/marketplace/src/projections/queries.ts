import { Inject, Injectable } from '@nestjs/common';
import { waitForPosition, type EventStore } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { EVENT_STORE, type OpenWorkflow } from '@skein/platform';
import type { CallRow, MarketplaceQueries, ModelRow, PriceRow } from '../application/ports.js';
import { callsProjection } from './calls.projection.js';

const MISSING = new Set(['42P01', '3F000']);
/** Runs whose median counts, and how many there must be. */
const RECENT_RUNS = 64;
const RECENT_RUNS_MIN = 16;

const codeOf = (error: unknown): string => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '');
const missing = () => new RejectionError({ code: 'unavailable', rule: 'read-model-missing', message: 'the read model is being made, try again', retriable: true });

/** Reads the projections. */
@Injectable()
export class SqlMarketplaceQueries implements MarketplaceQueries {
  readonly #store: EventStore;
  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  async models(limit: number, after: string): Promise<readonly ModelRow[]> {
    return this.#read<ModelRow>('SELECT * FROM "catalogue".model WHERE model > $1 ORDER BY model LIMIT $2', [after, limit]);
  }

  async prices(model: string): Promise<readonly PriceRow[]> {
    return this.#read<PriceRow>('SELECT * FROM "catalogue".price WHERE model = $1 ORDER BY price_version', [model]);
  }

  async calls(customer: string, limit: number, after: string): Promise<{ rows: readonly CallRow[]; nextPageToken: string }> {
    const from = /^\d{1,18}$/.test(after) ? after : '0';
    const rows = await this.#read<CallRow & { position: string }>('SELECT * FROM "calls".call WHERE customer = $1 AND position > $2 ORDER BY position LIMIT $3', [customer, from, limit + 1]);
    return { rows: rows.slice(0, limit), nextPageToken: rows.length > limit ? rows[limit - 1]!.position : '' };
  }

  async settled(timeoutMs: number): Promise<void> {
    const head = await this.#store.headPosition();
    if (!(await waitForPosition(this.#store.pool, callsProjection.name, head, timeoutMs))) throw missing();
  }

  async openCalls(limit: number): Promise<OpenWorkflow[]> {
    const rows = await this.#read<{ call_id: string; started_at_ms: string }>(
      `SELECT call_id, started_at_ms FROM "calls".call WHERE state IN ('started', 'ran') ORDER BY started_at_ms LIMIT $1`, [limit],
    );
    return rows.map(({ call_id: key, started_at_ms: openedAtMs }) => ({ instance: `calls/${key}`, key, openedAtMs: Number(openedAtMs) }));
  }

  async demand(model: string, fromMs: number, toMs: number): Promise<{ callsUsed: number; cpuUs: number | undefined }> {
    const [used] = await this.#read<{ calls: string }>('SELECT count(*) AS calls FROM "calls".call WHERE model = $1 AND ran_at_ms >= $2 AND ran_at_ms < $3', [model, fromMs, toMs]);
    const [recent] = await this.#read<{ runs: string; median: string | null }>(
      `SELECT count(*) AS runs, percentile_disc(0.5) WITHIN GROUP (ORDER BY cpu_us / rows) AS median
       FROM (SELECT cpu_us, rows FROM "calls".call WHERE model = $1 AND ran_at_ms > 0 AND ran_at_ms < $2 ORDER BY ran_at_ms DESC LIMIT ${RECENT_RUNS}) recent`,
      [model, toMs],
    );
    const enough = Number(recent?.runs ?? 0) >= RECENT_RUNS_MIN;
    return { callsUsed: Number(used?.calls ?? 0), cpuUs: enough ? Math.max(1, Number(recent?.median)) : undefined };
  }

  /** A read model that no worker has made yet is not an empty one. */
  async #read<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#store.pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw MISSING.has(codeOf(error)) ? missing() : error;
    }
  }
}
