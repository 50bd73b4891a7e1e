import { cpus } from 'node:os';
import type { EmbeddedPostgres } from '@skein/embedded';
import { surroundings, withServer } from '../event-store/server.js';
import { ratioOf, spreadOf, type Spread } from '../stats.js';
import type { LoadOutcome, LoadTarget } from './load.js';
import { monotonicUs, type HotFunction } from './profile.js';
import { makeDatabases, makeTargets, offer, ServiceUnderTest, type Databases } from './service-under-test.js';

/** How long and how often. */
export interface ServicesBenchOptions {
  readonly rounds: number;
  readonly quick: boolean;
  /** Flush to disk at each commit, as an installation does; without it the figures do not depend on the disk. */
  readonly fsync: boolean;
}

/** What `npm run bench -- services` prints. */
export interface ServicesFigures {
  readonly what: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly cores: number;
  readonly load1Before: number;
  readonly fsync: boolean;
  /** Commands per second with as many callers as answers come, no rate asked for. */
  readonly closedLoopPerSecond: Spread;
  /** The highest offered rate of each round whose p99 was at most 100 ms and that was reached to 98 %. */
  readonly sustainedPerSecond: Spread;
  readonly steps: readonly Step[];
  readonly overload: Overload;
  readonly flameGraph: readonly HotFunction[];
}

/** One offered rate over all rounds. */
export interface Step {
  readonly offeredPerSecond: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly okPerSecond: Spread;
  /** Processor time of the service for one command: what other processes on the machine hardly change. */
  readonly cpuMsPerCommand: Spread;
}

/** Three times the sustained rate. */
export interface Overload {
  readonly offeredPerSecond: number;
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
  /** p99 at half of the sustained rate, right after the overload. */
  readonly recoveredP99Ms: Spread;
}

const P99_MS = 100;
const REACHED = 0.98;
const SHARES = [0.5, 0.6, 0.7, 0.8, 0.9, 1];
const CONNECTIONS = 64;
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const brief = ({ okPerSecond, okP50Ms, okP99Ms, byStatus, cpuMsPerCommand }: Measured): string => `${okPerSecond.toFixed(0)}/s, p50 ${okP50Ms} ms, p99 ${okP99Ms} ms, ${cpuMsPerCommand.toFixed(2)} ms of processor each, ${JSON.stringify(byStatus)}`;

/** One service in its process, with its customers. */
interface Bench {
  readonly service: ServiceUnderTest;
  readonly targets: readonly LoadTarget[];
  readonly seconds: number;
}

/** An outcome and what it cost the service. */
type Measured = LoadOutcome & { readonly cpuMsPerCommand: number };

async function burst({ service, targets, seconds }: Bench, rate?: number, connections = CONNECTIONS): Promise<Measured> {
  const before = await service.cpuSeconds();
  const outcome = await offer({ url: service.url, targets, connections, seconds, ...(rate === undefined ? {} : { rate }) });
  const cpuMs = ((await service.cpuSeconds()) - before) * 1_000;
  return { ...outcome, cpuMsPerCommand: cpuMs / Math.max(1, outcome.byStatus['200'] ?? 0) };
}

interface Round {
  readonly closedLoop: number;
  readonly steps: ReadonlyMap<number, Measured>;
  readonly sustained: number;
}

async function round(bench: Bench, rates: readonly number[]): Promise<Round> {
  const closedLoop = await burst(bench);
  say(`  closed loop: ${brief(closedLoop)}`);
  const steps = new Map<number, Measured>();
  let sustained = 0;
  for (const rate of rates) {
    const outcome = await burst(bench, rate);
    steps.set(rate, outcome);
    const held = outcome.okP99Ms <= P99_MS && outcome.okPerSecond >= REACHED * rate;
    if (held) sustained = rate;
    say(`  ${rate}/s offered: ${brief(outcome)}${held ? '' : '  (not held)'}`);
  }
  return { closedLoop: closedLoop.okPerSecond, steps, sustained };
}

interface OverloadRound {
  readonly outcome: Measured;
  readonly closedLoop: number;
  readonly memory: { readonly before: number; readonly duringMax: number; readonly after: number };
  readonly recovered: LoadOutcome;
}

async function overloadRound(bench: Bench, offered: number): Promise<OverloadRound> {
  const closedLoop = (await burst(bench)).okPerSecond;
  const before = await bench.service.memoryMiB();
  let duringMax = before;
  const watch = setInterval(() => void bench.service.memoryMiB().then((mib) => (duringMax = Math.max(duringMax, mib))), 250);
  const outcome = await burst(bench, offered, 512);
  clearInterval(watch);
  const recovered = await burst(bench, Math.round(offered / 6));
  const after = await bench.service.memoryMiB();
  say(`  overload ${offered}/s: ${brief(outcome)}, refused with a time ${outcome.refusedWithTime}, memory ${before.toFixed(0)} → ${duringMax.toFixed(0)} → ${after.toFixed(0)} MiB, then p99 ${recovered.okP99Ms} ms`);
  return { outcome, closedLoop, memory: { before, duringMax, after }, recovered };
}

function overloadOf(offeredPerSecond: number, rounds: readonly OverloadRound[]): Overload {
  const of = (read: (one: OverloadRound) => number): Spread => spreadOf(rounds.map(read));
  const refused = ({ outcome }: OverloadRound): number => outcome.byStatus['429'] ?? 0;
  return {
    offeredPerSecond,
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

/** The service once more, profiled while it works at most of what it can. */
async function flameGraph(databases: Databases, rate: number, seconds: number): Promise<readonly HotFunction[]> {
  const service = await ServiceUnderTest.start(databases, { profiled: true });
  const targets = await makeTargets(service.url, 16, 4);
  await offer({ url: service.url, targets, connections: CONNECTIONS, seconds, rate });
  const fromUs = monotonicUs();
  await offer({ url: service.url, targets, connections: CONNECTIONS, seconds, rate });
  return service.stop([fromUs, monotonicUs()]);
}

async function measure(server: EmbeddedPostgres, { rounds, quick, fsync }: ServicesBenchOptions): Promise<ServicesFigures> {
  const { node, postgres, load1 } = await surroundings(server);
  const databases = await makeDatabases(server);
  const service = await ServiceUnderTest.start(databases);
  const bench: Bench = { service, targets: await makeTargets(service.url, 16, 4), seconds: quick ? 3 : 6 };
  const warm = await burst({ ...bench, seconds: quick ? 5 : 10 });
  say(`warm: ${brief(warm)}`);
  const capacity = (await burst(bench)).okPerSecond;
  const rates = SHARES.map((share) => Math.max(10, Math.round((share * capacity) / 10) * 10));
  const done: Round[] = [];
  const overloads: OverloadRound[] = [];
  for (let index = 0; index < rounds; index += 1) {
    say(`round ${index + 1} of ${rounds}`);
    done.push(await round(bench, rates));
    overloads.push(await overloadRound(bench, Math.round(3 * capacity)));
  }
  await service.stop();
  const sustainedPerSecond = spreadOf(done.map(({ sustained }) => sustained));
  const steps = rates.map((offeredPerSecond): Step => {
    const of = (read: (outcome: Measured) => number): Spread => spreadOf(done.map((one) => read(one.steps.get(offeredPerSecond)!)));
    return { offeredPerSecond, p50Ms: of(({ okP50Ms }) => okP50Ms), p99Ms: of(({ okP99Ms }) => okP99Ms), okPerSecond: of(({ okPerSecond }) => okPerSecond), cpuMsPerCommand: of(({ cpuMsPerCommand }) => cpuMsPerCommand) };
  });
  say('profile');
  return {
    what: 'POST /billing/v1/customers/{id}:buyCredit, 64 customers of 16 wallets; API and workers in one process, PostgreSQL, event log and load generator beside it',
    versions: { node, postgres, autocannon: '9.0.0' },
    cores: cpus().length,
    load1Before: load1,
    fsync,
    closedLoopPerSecond: spreadOf(done.map(({ closedLoop }) => closedLoop)),
    sustainedPerSecond,
    steps,
    overload: overloadOf(Math.round(3 * capacity), overloads),
    flameGraph: (await flameGraph(databases, Math.round(capacity * 0.8), quick ? 5 : 15)).slice(0, 12),
  };
}

/** Sustained commands through HTTP on one service, and what becomes of three times as many. */
export function benchServices(options: ServicesBenchOptions): Promise<ServicesFigures> {
  return withServer((server) => measure(server, options), { ephemeral: !options.fsync });
}
