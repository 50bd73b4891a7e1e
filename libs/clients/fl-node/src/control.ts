import { setTimeout as wait } from 'node:timers/promises';
import type { ControlResponse, FederationNodeService } from '@skein/contracts/federation';
import { SkeinError } from '@skein/sdk';
import type { Client } from '@skein/sdk';

const RECONNECT_MS = 250;
const HEARTBEAT_MS = 5_000;

/** What is told about the stream's current lease, shared between reading and heartbeats. */
interface Beat {
  leaseId: string;
  heartbeatMs: number;
}

async function* outgoing(task: string, beat: Beat, signal: AbortSignal) {
  yield { message: { case: 'hello' as const, value: { task } } };
  while (!signal.aborted) {
    await wait(beat.heartbeatMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) yield { message: { case: 'heartbeat' as const, value: { leaseId: beat.leaseId } } };
  }
}

const isFinal = (error: unknown): boolean => error instanceof SkeinError && !error.retriable;

/** Messages of the node's control stream over as many connections as it takes; ends with the signal, throws on a final refusal. */
export async function* controlStream(
  { nodes, task }: { readonly nodes: Client<typeof FederationNodeService>; readonly task: string },
  signal: AbortSignal,
  onReconnect: () => void,
): AsyncIterable<ControlResponse['message']> {
  while (!signal.aborted) {
    const beat: Beat = { leaseId: '', heartbeatMs: HEARTBEAT_MS };
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    try {
      for await (const { message } of nodes.control(outgoing(task, beat, both), { signal: both })) {
        if (message.case === 'welcome') beat.heartbeatMs = message.value.heartbeatMs;
        if (message.case === 'work') beat.leaseId = message.value.leaseId;
        yield message;
        // Back from the work: if it is not done, its lease runs out and the work is pushed again.
        beat.leaseId = '';
      }
    } catch (error) {
      if (isFinal(error)) throw error;
    } finally {
      end.abort();
    }
    if (signal.aborted) return;
    onReconnect();
    await wait(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
  }
}
