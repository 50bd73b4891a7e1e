import type { Counter, Histogram, Meter, ObservableResult } from '@opentelemetry/api';
import { FairGate, RejectionError, type Visitor } from '@skein/kernel';
import type { Identity } from '../identity.js';
import { SECONDS } from '../metrics.js';
import { DEFAULT_LIMITS, type CallLimits } from './limits.js';
import { tenantName, type Address } from './tenant.js';

/** Kinds of work that do not wait for each other's places: calls from outside, calls of services, streams, checks of credentials. */
export type AdmissionLane = 'calls' | 'internal' | 'streams' | 'credentials';

/** A call that wants in. */
export interface Arrival {
  readonly identity: Identity;
  readonly address: Address;
  /** Bytes of the request: a big one takes more of the queue. */
  readonly sizeBytes: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** Bytes of request that one unit of a queue stands for. */
const UNIT_BYTES = 16 * 1024;
const INTERNAL_QUEUED = 256;
const CREDENTIALS_QUEUED = 256;
/** One tenant may have so much of the places for calls; the rest is for others, however slow its calls are. */
const tenantShare = (max: number): number => Math.max(1, Math.ceil(max * 0.75));

interface Measures {
  readonly refused: Counter;
  readonly waited: Histogram;
}

function measuresOf(meter: Meter, gates: Readonly<Record<AdmissionLane, FairGate>>): Measures {
  const observe = (read: (gate: FairGate) => number) => (result: ObservableResult): void => {
    for (const [lane, gate] of Object.entries(gates)) result.observe(read(gate), { lane });
  };
  meter.createObservableGauge('rpc_server_admitted', { unit: '{call}', description: 'calls, streams and checks of credentials that have a place' }).addCallback(observe(({ running }) => running));
  meter.createObservableGauge('rpc_server_queued', { unit: '{call}', description: 'calls, streams and checks of credentials that wait for a place' }).addCallback(observe(({ queued }) => queued));
  const refused = meter.createCounter('rpc_server_refused_total', { unit: '{call}', description: 'calls refused for want of a place, with the time after which to try again' });
  for (const lane of Object.keys(gates)) refused.add(0, { lane });
  return {
    refused,
    waited: meter.createHistogram('rpc_server_queue_seconds', { unit: 's', description: 'time that a call waited for its place', advice: { explicitBucketBoundaries: SECONDS } }),
  };
}

/**
 * Bounds what a process takes on: so many calls at once, so many waiting, in fair turns between tenants; refusals say when to
 * try again. Calls between services have places of their own, so that callers outside cannot keep services that call each
 * other from answering, and so have streams, which live long.
 */
export class Admission {
  readonly limits: CallLimits;
  readonly #gates: Readonly<Record<AdmissionLane, FairGate>>;
  readonly #measures: Measures | undefined;

  constructor(service: string, limits: Partial<CallLimits> = {}, meter?: Meter) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    const { callsMax, queuedMax, internalCallsMax, streamsMax, credentialsMax, weights } = this.limits;
    const weightOf = (tenant: string): number => weights[tenant] ?? 1;
    const gate = (runningMax: number, queued: number, tenantRunningMax = runningMax): FairGate => new FairGate({ name: service, runningMax, tenantRunningMax, queuedMax: queued, weightOf, nowMs: () => performance.now() });
    this.#gates = {
      calls: gate(callsMax, queuedMax, tenantShare(callsMax)),
      internal: gate(internalCallsMax, INTERNAL_QUEUED, tenantShare(internalCallsMax)),
      streams: gate(streamsMax, 0, tenantShare(streamsMax)),
      credentials: gate(credentialsMax, CREDENTIALS_QUEUED),
    };
    this.#measures = meter === undefined ? undefined : measuresOf(meter, this.#gates);
  }

  /** A place for a unary call; the returned function gives it back. */
  call(arrival: Arrival): Promise<() => void> {
    return this.#enter(arrival.identity.kind === 'service' ? 'internal' : 'calls', arrival);
  }

  /** A place for a stream, an upload or a download; there is no waiting for one. */
  stream(arrival: Arrival): Promise<() => void> {
    return this.#enter('streams', arrival);
  }

  /** Runs the check of a credential that has not been seen lately, in fair turns between addresses. */
  async checked<T>(address: Address, signal: AbortSignal | undefined, check: () => Promise<T>): Promise<T> {
    const leave = await this.#visit('credentials', { tenant: `address:${address ?? ''}`, signal });
    try {
      return await check();
    } finally {
      leave();
    }
  }

  /** How many have a place or wait for one. */
  load(lane: AdmissionLane): { readonly running: number; readonly queued: number } {
    const { running, queued } = this.#gates[lane];
    return { running, queued };
  }

  #enter(lane: AdmissionLane, { identity, address, sizeBytes, signal }: Arrival): Promise<() => void> {
    const cost = Math.min(this.limits.queuedMax, 1 + Math.floor(sizeBytes / UNIT_BYTES));
    return this.#visit(lane, { tenant: tenantName(identity, address), signal, cost });
  }

  async #visit(lane: AdmissionLane, visitor: Visitor): Promise<() => void> {
    const fromMs = performance.now();
    try {
      const leave = await this.#gates[lane].enter(visitor);
      this.#measures?.waited.record((performance.now() - fromMs) / 1_000, { lane });
      return leave;
    } catch (error) {
      if (error instanceof RejectionError && error.rejection.rule === 'overloaded') this.#measures?.refused.add(1, { lane });
      throw error;
    }
  }
}
