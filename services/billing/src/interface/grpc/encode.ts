import type { EventStore } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import type { Identity } from '@skein/platform';

/** An amount of USD credit. */
export const usd = (units: bigint) => ({ asset: 'USD', units: String(units) });

/** Where a command's events stand. */
export async function receiptOf(store: EventStore, executed: { readonly streamId: string; readonly version: number }) {
  const { streamId, version } = executed;
  const position = version === 0 ? 0n : await store.positionOf(streamId, version);
  return { streamId, version: BigInt(version), position };
}

/** The wallet of a caller whom the access rules let in as one. */
export function walletOf(identity: Identity): string {
  if (identity.kind === 'wallet') return identity.wallet;
  throw new RejectionError({ code: 'permission-denied', rule: 'role', message: 'this call is for wallets' });
}
