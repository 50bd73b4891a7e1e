import type { DomainEvent } from '@skein/kernel';

/** What a call is charged by, fixed before it runs. */
export interface Pins {
  /** Identity of the money that is held, of the usage and of the charge. */
  readonly reservationId: string;
  /** customers/<uuid>. */
  readonly customer: string;
  readonly keyId: string;
  readonly model: string;
  readonly version: number;
  readonly priceVersion: number;
  /** USD units of 10^-15 per row. */
  readonly unitPriceE15: bigint;
  readonly rows: number;
  /** The most it can cost, USD units of 10^-9. */
  readonly amountMax: bigint;
}

/** An attempt at a call holds the lease until `leaseUntilMs`; a retry takes over afterwards, at the price pinned before. */
export type CallStarted = DomainEvent<
  'skein.marketplace.call.started.v1',
  Pins & { callId: string; attempt: number; requestSha256: string; leaseUntilMs: number; atMs: number }
>;

/** The model ran: from here on the call is charged, whoever hears the answer. */
export type CallRan = DomainEvent<
  'skein.marketplace.call.ran.v1',
  Pins & {
    callId: string;
    /** CPU time of the whole batch, microseconds. */
    cpuUs: number;
    /** USD units of 10^-15. */
    computeCostE15: bigint;
    atMs: number;
  }
>;

/** Billing charged it: `gross` USD units of 10^-9. */
export type CallCaptured = DomainEvent<'skein.marketplace.call.captured.v1', { callId: string; reservationId: string; gross: bigint; atMs: number }>;

/** The attempt ended without a charge. */
export type CallVoided = DomainEvent<
  'skein.marketplace.call.voided.v1',
  { callId: string; reservationId: string; customer: string; reason: string; atMs: number }
>;

export type CallEvent = CallStarted | CallRan | CallCaptured | CallVoided;
