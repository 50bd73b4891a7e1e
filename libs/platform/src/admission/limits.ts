/** How much one process of a service takes on at a time. docs/back-pressure.md reasons the defaults. */
export interface CallLimits {
  /** Unary calls of callers outside that are worked on at once. */
  readonly callsMax: number;
  /** How many more of them wait, in units of one call with at most 16 KiB of request. */
  readonly queuedMax: number;
  /** Unary calls of other services that are worked on at once; they have places of their own. */
  readonly internalCallsMax: number;
  /** Streams and transfers that are open at once. */
  readonly streamsMax: number;
  /** Credentials that are checked for the first time at once. */
  readonly credentialsMax: number;
  /** Bytes of request bodies that are being received or wait. */
  readonly bodyBytesMax: number;
  /** Turns of a tenant in each round, where not 1: `organisation:…`, `wallet:…`, `operator`. */
  readonly weights: Readonly<Record<string, number>>;
}

/** What a process takes on where nothing else is configured. */
export const DEFAULT_LIMITS: CallLimits = {
  callsMax: 32,
  queuedMax: 256,
  internalCallsMax: 64,
  streamsMax: 512,
  credentialsMax: 2,
  bodyBytesMax: 64 * 1024 * 1024,
  weights: { operator: 4 },
};
