/** Milliseconds of each unit of `grpc-timeout` (gRPC over HTTP/2). */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** `grpc-timeout: 1500m`; undefined where it is not one. */
function grpcTimeoutMs(value: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value ?? '') ?? [];
  return digits === undefined || unit === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 0);
}

/** `Prefer: wait=10` (RFC 7240: seconds that the caller will wait), also among other preferences; undefined where there is none. */
function preferWaitMs(value: string | undefined): number | undefined {
  const seconds = /(?:^|,)\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:[;,]|$)/i.exec(value ?? '')?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}

/**
 * How long an HTTP caller waits, in milliseconds: the shortest of the service's own limit, `Prefer: wait` and `grpc-timeout`
 * (as gRPC gateways read it, for parts of a second). What cannot be read counts as not given, as RFC 7240 wants.
 */
export function httpTimeoutMs(headers: { readonly prefer: string | undefined; readonly grpcTimeout: string | undefined }, limitMs: number): number {
  return Math.min(limitMs, preferWaitMs(headers.prefer) ?? limitMs, grpcTimeoutMs(headers.grpcTimeout) ?? limitMs);
}

/** Kept back of what is left of a call's time when it calls another service: time to answer its own caller in its own words. */
const MARGIN_MS_MAX = 50;
const MARGIN_SHARE = 0.05;

/** The deadline of a call made while another with `deadlineMs` is being answered; all in epoch milliseconds. */
export function innerDeadlineMs(deadlineMs: number, nowMs: number): number {
  return deadlineMs - Math.min(MARGIN_MS_MAX, Math.max(0, deadlineMs - nowMs) * MARGIN_SHARE);
}
