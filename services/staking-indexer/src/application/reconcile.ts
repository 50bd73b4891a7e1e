import { waitForPosition, type EventStore } from '@skein/events';
import { reject, type Rejection, type Result, ok } from '@skein/kernel';
import type { BlockRef } from '../domain/facts.js';
import type { ChainSource } from './chain-source.js';
import type { ChainStatusBoard } from './chain-status.js';

/** Both sums of everything staked, at one final block. */
export interface Reconciliation {
  readonly block: BlockRef;
  readonly projection: bigint;
  readonly contract: bigint;
}

export interface ReconcileParts {
  readonly chainId: number;
  readonly store: EventStore;
  readonly source: ChainSource;
  readonly board: ChainStatusBoard;
  /** Name of the projection's checkpoint and its sum after a block. */
  readonly view: string;
  totalAfter(blockNumber: number): Promise<bigint>;
}

const WAIT_MS = 5_000;

/** Sums the read model up to the last block whose facts are final here, and asks the contract for that very block. */
export async function reconcile(parts: ReconcileParts): Promise<Result<Reconciliation, Rejection>> {
  const { chainId, store, source, board, view } = parts;
  const status = await board.read(chainId);
  if (status === undefined) return reject('unavailable', 'not-followed-yet', 'the chain has not been looked at yet');
  // Written after the facts up to that block: whoever has read up to the log's head has them all.
  const block = status.indexedFinalised;
  const caughtUp = await waitForPosition(store.pool, view, await store.headPosition(), WAIT_MS);
  if (!caughtUp) return reject('unavailable', 'not-caught-up', 'the read model has not caught up');
  const contract = await source.totalStaked(block);
  if (contract === undefined) return reject('unavailable', 'state-not-kept', `the chain no longer keeps the state of block ${block.number}`);
  return ok({ block, projection: await parts.totalAfter(block.number), contract });
}
