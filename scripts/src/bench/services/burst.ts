import type { LoadOutcome, LoadTarget } from './load.js';
import { offer, type ServiceUnderTest } from './service-under-test.js';

/** One service in its process, with its customers. */
export interface Bench {
  readonly service: ServiceUnderTest;
  readonly targets: readonly LoadTarget[];
  readonly seconds: number;
}

/** An outcome and what it cost the service. */
export type Measured = LoadOutcome & { readonly cpuMsPerCommand: number };

/** Enough that a line is free whenever a request is due, as long as the service keeps up. */
const CONNECTIONS = 64;

/** Progress, on stderr. */
export const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** An outcome in one line. */
export const brief = ({ okPerSecond, okP50Ms, okP99Ms, byStatus, cpuMsPerCommand, lateP99Ms, errors }: Measured): string =>
  `${okPerSecond.toFixed(0)}/s, p50 ${okP50Ms} ms, p99 ${okP99Ms} ms (generator late ${lateP99Ms} ms), ${cpuMsPerCommand.toFixed(2)} ms of processor each, ${JSON.stringify(byStatus)}${errors > 0 ? `, ${errors} without an answer` : ''}`;

/** Offers load for a while, at a rate or as fast as answers come, and lets the service come to rest after it. */
export async function burst({ service, targets, seconds }: Bench, { rate, connections = CONNECTIONS }: { rate?: number; connections?: number } = {}): Promise<Measured> {
  const before = await service.cpuSeconds();
  const outcome = await offer({ url: service.url, targets, connections, seconds, ...(rate === undefined ? {} : { rate }) });
  await service.rest();
  const cpuMs = ((await service.cpuSeconds()) - before) * 1_000;
  return { ...outcome, cpuMsPerCommand: cpuMs / Math.max(1, outcome.byStatus['200'] ?? 0) };
}
