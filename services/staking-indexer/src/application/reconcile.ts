import { ok, reject, type Rejection, type Result } from '@skein/kernel';
import type { BlockRef } from '../domain/facts.js';
import type { Difference } from '../domain/reconciliation/reconciliation.events.js';
import { ChainTrouble, type ChainSource } from './chain-source.js';
import { labelOf, type Total } from './totals.js';

/** A total as the read models have it. */
export interface KnownTotal {
  readonly total: Total;
  readonly units: bigint;
}

/** Every total that the read models know, of one snapshot. */
export interface TotalsSnapshot {
  /** Last final block whose facts they hold; nothing of a later one. */
  readonly block: BlockRef;
  readonly totals: readonly KnownTotal[];
  /** The database's time when they were read. */
  readonly readAtMs: number;
}

export interface TotalsReader {
  /** Undefined where the read models, or those who tell others of final facts, have not caught up with the log within a few seconds. */
  read(): Promise<TotalsSnapshot | undefined>;
}

/** What was compared at one final block. */
export interface Reconciliation {
  readonly block: BlockRef;
  readonly readAtMs: number;
  /** Both numbers of every total. */
  readonly compared: readonly Difference[];
  readonly differences: readonly Difference[];
}

/**
 * Compares every total of the read models with its contract at the very block they stand at. That nothing could be compared is
 * a reason of its own (`not-caught-up`, `state-not-kept`, or why the chain gave no answer) and never a difference.
 */
export async function reconcile(source: ChainSource, reader: TotalsReader): Promise<Result<Reconciliation, Rejection>> {
  const snapshot = await reader.read();
  if (snapshot === undefined) return unavailable('not-caught-up', 'the read models, or the positions that are published, have not caught up');
  const { block, totals, readAtMs } = snapshot;
  try {
    const contracts = await source.totals(block, totals.map(({ total }) => total));
    if (contracts === undefined) return unavailable('state-not-kept', `the chain no longer keeps the state of block ${block.number}`);
    const compared = totals.map(({ total, units }, at) => ({ total: labelOf(total), readModel: units, contract: contracts[at]! }));
    return ok({ block, readAtMs, compared, differences: compared.filter(({ readModel, contract }) => readModel !== contract) });
  } catch (error) {
    if (error instanceof ChainTrouble) return unavailable(error.rule, error.message);
    throw error;
  }
}

const unavailable = (rule: string, message: string): Result<never, Rejection> => reject('unavailable', rule, message);
