import { ratioOf, spreadOf, type Spread } from '../stats.js';
import { brief, burst, say, type Bench, type Measured } from './burst.js';

/** Three times what the service can do. */
export interface Overload {
  readonly offeredPerSecond: Spread;
  readonly okPerSecond: Spread;
  /** Admitted commands per second against the closed loop's, run by run. */
  readonly okToClosedLoop: Spread;
  readonly refusedShare: Spread;
  /** Share of the refusals that name a time. */
  readonly refusedWithTimeShare: Spread;
  readonly retryAfterMs: Spread;
  readonly admittedP99Ms: Spread;
  readonly refusedP99Ms: Spread;
  readonly otherStatuses: number;
  readonly memoryMiB: { readonly before: number; readonly duringMax: number; readonly after: number };
  /** p99 at half of the closed loop's rate, right after the overload. */
  readonly recoveredP99Ms: Spread;
}

/** More than may run and wait at once. */
const CONNECTIONS = 512;

/** One round of overload, with what came before and after it. */
export interface OverloadRound {
  readonly offered: number;
  readonly outcome: Measured;
  readonly closedLoop: number;
  readonly memory: { readonly before: number; readonly duringMax: number; readonly after: number };
  readonly recovered: Measured;
}

/** Offers three times what the closed loop just gave, then half of it. */
export async function overloadRound(bench: Bench, closedLoop: number): Promise<OverloadRound> {
  const { service } = bench;
  const offered = Math.round(3 * closedLoop);
  const before = await service.memoryMiB();
  let duringMax = before;
  const watch = setInterval(() => void service.memoryMiB().then((mib) => (duringMax = Math.max(duringMax, mib))), 250);
  const outcome = await burst(bench, { rate: offered, connections: CONNECTIONS });
  clearInterval(watch);
  const recovered = await burst(bench, { rate: Math.max(1, Math.round(closedLoop / 2)) });
  const after = await service.memoryMiB();
  say(`  overload ${offered}/s: ${brief(outcome)}, refused with a time ${outcome.refusedWithTime}, memory ${before.toFixed(0)} → ${duringMax.toFixed(0)} → ${after.toFixed(0)} MiB, then p99 ${recovered.okP99Ms} ms`);
  return { offered, outcome, closedLoop, memory: { before, duringMax, after }, recovered };
}

/** All rounds together. */
export function overloadOf(rounds: readonly OverloadRound[]): Overload {
  const of = (read: (one: OverloadRound) => number): Spread => spreadOf(rounds.map(read));
  const refused = ({ outcome }: OverloadRound): number => outcome.byStatus['429'] ?? 0;
  return {
    offeredPerSecond: of(({ offered }) => offered),
    okPerSecond: of(({ outcome }) => outcome.okPerSecond),
    okToClosedLoop: ratioOf(rounds.map(({ outcome }) => outcome.okPerSecond), rounds.map(({ closedLoop }) => closedLoop)),
    refusedShare: of((one) => refused(one) / one.outcome.answered),
    refusedWithTimeShare: of((one) => one.outcome.refusedWithTime / Math.max(1, refused(one))),
    retryAfterMs: of(({ outcome }) => outcome.retryAfterMsMedian),
    admittedP99Ms: of(({ outcome }) => outcome.okP99Ms),
    refusedP99Ms: of(({ outcome }) => outcome.refusedP99Ms),
    otherStatuses: rounds.reduce((sum, { outcome }) => sum + outcome.errors + Object.entries(outcome.byStatus).reduce((others, [status, count]) => others + (status === '200' || status === '429' ? 0 : count), 0), 0),
    memoryMiB: {
      before: Math.round(rounds[0]?.memory.before ?? 0),
      duringMax: Math.round(Math.max(...rounds.map(({ memory }) => memory.duringMax))),
      after: Math.round(rounds.at(-1)?.memory.after ?? 0),
    },
    recoveredP99Ms: of(({ recovered }) => recovered.okP99Ms),
  };
}
