import { cpus, loadavg } from 'node:os';
import type { EmbeddedPostgres } from '@skein/embedded';
import { surroundings, withServer } from '../event-store/server.js';
import { median, spreadOf, type Spread } from '../stats.js';
import { installedVersion } from '../versions.js';
import { brief, burst, say, type Bench, type Measured } from './burst.js';
import { highestHeld, rateBelow } from './highest-held.js';
import { overloadOf, overloadRound, type Overload, type OverloadRound } from './overload.js';
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
  /** One-minute load of the machine before the run and after it; the run itself is a load of about 2. */
  readonly load1: { readonly before: number; readonly after: number };
  readonly fsync: boolean;
  /** The figure: the highest rate whose p99 was at most 100 ms over a longer run, with that run. */
  readonly sustained: Sustained;
  /** The highest rate of each round whose p99 was at most 100 ms, all requests answered 2xx. */
  readonly highestPerSecond: Spread;
  /** Commands per second with 64 callers that wait for each answer, no rate asked for. */
  readonly closedLoopPerSecond: Spread;
  /** Of each rate that was offered, over all rounds. */
  readonly tried: readonly Tried[];
  readonly overload: Overload;
  /** The first five functions by self time while the service works at the sustained rate. */
  readonly flameGraph: readonly HotFunction[];
}

/** The confirming run. */
export interface Sustained {
  readonly perSecond: number;
  readonly seconds: number;
  readonly commands: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerCommand: number;
}

/** One rate over all rounds. */
export interface Tried {
  readonly offeredPerSecond: number;
  readonly held: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Processor time of the service for one command: what other processes on the machine hardly change. */
  readonly cpuMsPerCommand: Spread;
}

const P99_MS = 100;
/** Where a first guess lies between nothing and the closed loop's rate. */
const GUESS = 0.7;
/** No round begins later than this, so that all is over within eight minutes, however slow the machine. */
const ROUNDS_MS_MAX = 300_000;

/** Everything was answered well, in time. */
const isHeld = ({ okP99Ms, answered, byStatus, errors }: Measured): boolean => errors === 0 && (byStatus['200'] ?? 0) === answered && answered > 0 && okP99Ms <= P99_MS;

interface Probe {
  readonly rate: number;
  readonly outcome: Measured;
  readonly held: boolean;
}

async function probe(bench: Bench, rate: number): Promise<Probe> {
  const outcome = await burst(bench, { rate });
  const held = isHeld(outcome);
  say(`  ${rate}/s offered: ${brief(outcome)}${held ? '' : '  (not held)'}`);
  return { rate, outcome, held };
}

function triedOf(probes: readonly Probe[]): Tried[] {
  return [...Map.groupBy(probes, ({ rate }) => rate)].sort(([a], [b]) => a - b).map(([offeredPerSecond, all]) => {
    const of = (read: (outcome: Measured) => number): Spread => spreadOf(all.map(({ outcome }) => read(outcome)));
    return { offeredPerSecond, held: all.filter(({ held }) => held).length, p50Ms: of(({ okP50Ms }) => okP50Ms), p99Ms: of(({ okP99Ms }) => okP99Ms), cpuMsPerCommand: of(({ cpuMsPerCommand }) => cpuMsPerCommand) };
  });
}

/** A longer run at what the rounds found; where that does not hold, at the next lower rates. */
async function confirm(bench: Bench, found: number, tries = 6): Promise<Sustained> {
  const { outcome, held } = await probe(bench, found);
  const lower = held || tries === 1 ? undefined : rateBelow(found);
  if (lower !== undefined) return confirm(bench, lower, tries - 1);
  const { seconds, answered, okP50Ms, okP99Ms, cpuMsPerCommand } = outcome;
  return { perSecond: held ? found : 0, seconds: Number(seconds.toFixed(1)), commands: answered, p50Ms: okP50Ms, p99Ms: okP99Ms, cpuMsPerCommand: Number(cpuMsPerCommand.toFixed(3)) };
}

/** The service once more, profiled while it works at the rate that it sustains. */
async function flameGraph(databases: Databases, rate: number, seconds: number): Promise<readonly HotFunction[]> {
  const service = await ServiceUnderTest.start(databases, { profiled: true });
  const targets = await makeTargets(service.url, 16, 4);
  const order = { url: service.url, targets, connections: 64, seconds, rate };
  await offer(order);
  const fromUs = monotonicUs();
  await offer(order);
  return service.stop([fromUs, monotonicUs()]);
}

interface Rounds {
  readonly closedLoop: readonly number[];
  readonly highest: readonly number[];
  readonly probes: readonly Probe[];
  readonly overloads: readonly OverloadRound[];
}

async function play(bench: Bench, rounds: number): Promise<Rounds> {
  const fromMs = performance.now();
  const [closedLoop, highest, probes, overloads]: [number[], number[], Probe[], OverloadRound[]] = [[], [], [], []];
  for (let round = 1; round <= rounds && (round === 1 || performance.now() - fromMs < ROUNDS_MS_MAX); round += 1) {
    say(`round ${round} of ${rounds}`);
    const closed = await burst(bench);
    say(`  closed loop: ${brief(closed)}`);
    closedLoop.push(closed.okPerSecond);
    highest.push(await highestHeld(highest.at(-1) || GUESS * closed.okPerSecond, async (rate) => {
      const one = await probe(bench, rate);
      probes.push(one);
      return one.held;
    }));
    overloads.push(await overloadRound(bench, closed.okPerSecond));
  }
  return { closedLoop, highest, probes, overloads };
}

async function measure(server: EmbeddedPostgres, { rounds, quick, fsync }: ServicesBenchOptions): Promise<ServicesFigures> {
  const { node, postgres, load1: before } = await surroundings(server);
  const databases = await makeDatabases(server);
  const service = await ServiceUnderTest.start(databases);
  const bench: Bench = { service, targets: await makeTargets(service.url, 16, 4), seconds: quick ? 2 : 5 };
  say(`warm: ${brief(await burst({ ...bench, seconds: quick ? 4 : 10 }))}`);
  const { closedLoop, highest, probes, overloads } = await play(bench, rounds);
  say('confirming');
  const sustained = await confirm({ ...bench, seconds: quick ? 4 : 20 }, Math.max(1, median(highest)));
  await service.stop();
  say('profile');
  const hot = await flameGraph(databases, Math.max(1, sustained.perSecond), quick ? 4 : 10);
  for (const { function: name, at, selfShare } of hot) say(`  ${(100 * selfShare).toFixed(1).padStart(5)} %  ${name}  ${at}`);
  return {
    what: 'POST /billing/v1/customers/{id}:buyCredit, 64 customers of 16 wallets; API and workers in one process, PostgreSQL, event log and load generator beside it',
    versions: { node, postgres, autocannon: installedVersion('autocannon') },
    cores: cpus().length,
    load1: { before, after: Number((loadavg()[0] ?? 0).toFixed(2)) },
    fsync,
    sustained,
    highestPerSecond: spreadOf(highest),
    closedLoopPerSecond: spreadOf(closedLoop),
    tried: triedOf(probes),
    overload: overloadOf(overloads),
    flameGraph: hot,
  };
}

/** Sustained commands through HTTP on one service, and what becomes of three times as many. */
export function benchServices(options: ServicesBenchOptions): Promise<ServicesFigures> {
  return withServer((server) => measure(server, options), { ephemeral: !options.fsync });
}
