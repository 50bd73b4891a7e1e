import type { EventStore } from '@skein/events';
import { waitForPosition } from '@skein/events';
import { type Rejection, RejectionError, type Result, unwrap } from '@skein/kernel';
import type { CallContext } from '@skein/platform';
import type { Origin } from '../../application/task-commands.js';

/** Longest wait of a query for its read model to reach `min_position`. */
const WAIT_MS = 5_000;

/** The wallet that calls; the access rules let nobody else through. */
export function callerWallet(call: CallContext): string {
  if (call.identity.kind === 'wallet') return call.identity.wallet;
  throw new RejectionError({ code: 'permission-denied', rule: 'wallet-needed', message: 'only a wallet may call this' });
}

export const originOf = (call: CallContext, scope: string): Origin => ({ metadata: call.metadata(), key: call.key(scope) });

/** Answer and receipt of a command that was carried out, now or by an earlier call with the same key. */
export async function receiptOf<A>(store: EventStore, done: Result<{ streamId: string; version: number; answer: A | undefined }, Rejection>): Promise<{ answer: A; receipt: { streamId: string; version: bigint; position: bigint } }> {
  const { streamId, version, answer } = unwrap(done);
  const position = version > 0 ? await store.positionOf(streamId, version) : 0n;
  return { answer: answer as A, receipt: { streamId, version: BigInt(version), position } };
}

/** Waits until a read model has seen a position; refuses when it takes too long. */
export async function awaitPosition(store: EventStore, projection: string, position: bigint): Promise<void> {
  if (position <= 0n || (await waitForPosition(store.pool, projection, position, WAIT_MS))) return;
  throw new RejectionError({ code: 'unavailable', rule: 'read-model-behind', message: 'the read model has not reached min_position yet', field: 'min_position', retriable: true });
}
