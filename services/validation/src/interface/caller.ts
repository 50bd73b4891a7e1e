import { type EventStore, type Executed, waitForPosition } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import type { CallContext } from '@skein/platform';
import { VALIDATION } from '../projections/validation.projection.js';

const WAIT_MS = 5_000;

/** The wallet that calls; access options let nobody else through. */
export function walletOf(call: CallContext): string {
  if (call.identity.kind === 'wallet') return call.identity.wallet;
  throw new RejectionError({ code: 'permission-denied', rule: 'wallet-required', message: 'this call is for wallets' });
}

/** Where a command's events stand. */
export async function receiptOf(store: EventStore, { streamId, version }: Executed<unknown>): Promise<{ streamId: string; version: bigint; position: bigint }> {
  return { streamId, version: BigInt(version), position: version === 0 ? 0n : await store.positionOf(streamId, version) };
}

/** Waits until the read model has seen the position that a query names. */
export async function awaitPosition(store: EventStore, position: bigint): Promise<void> {
  if (position <= 0n || (await waitForPosition(store.pool, VALIDATION, position, WAIT_MS))) return;
  throw new RejectionError({ code: 'unavailable', rule: 'position-not-reached', message: 'the read model has not come so far yet', field: 'min_position', retriable: true });
}
