import type { Executed, EventStore } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import type { CallContext } from '@skein/platform';

/** The wallet that calls; access options let nobody else through. */
export function walletOf(call: CallContext): string {
  if (call.identity.kind === 'wallet') return call.identity.wallet;
  throw new RejectionError({ code: 'permission-denied', rule: 'wallet-required', message: 'this call is for wallets' });
}

/** Where a command's events stand. */
export async function receiptOf(store: EventStore, { streamId, version }: Executed<unknown>): Promise<{ streamId: string; version: bigint; position: bigint }> {
  return { streamId, version: BigInt(version), position: await store.positionOf(streamId, version) };
}

const WAIT_MS = 5_000;

/** Waits until the projection has seen the position that a query names. */
export async function awaitPosition(wait: (position: bigint, timeoutMs: number) => Promise<boolean>, position: bigint): Promise<void> {
  if (position <= 0n || (await wait(position, WAIT_MS))) return;
  throw new RejectionError({
    code: 'unavailable', rule: 'position-not-reached', message: 'the read model has not come so far yet', field: 'min_position', retriable: true,
  });
}
