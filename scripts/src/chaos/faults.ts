import { setTimeout as wait } from 'node:timers/promises';
import type { ClusterProcess, ProcessId } from '@skein/cluster';
import type { DeterministicRandom } from '@skein/kernel';
import type { Disturbance } from './attempt.js';
import { CLOCK_SIGNAL } from './arming.js';
import { diskFaults } from './disk-fault.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { TWO_OF_SOME, type Stage } from './stage.js';
import { askToEnd, ENDS_WITHIN_MS, kafkaOnly, ON_KAFKA, once, SERVICES } from './strikes.js';

const HOUR_MS = 3_600_000;

const sum = (hits: ReadonlyMap<string, ReadonlyMap<string, number>>, names: readonly string[]): number =>
  [...hits.values()].reduce((all, counts) => all + names.reduce((part, name) => part + (counts.get(name) ?? 0), 0), 0);

async function endPostgres(stage: Stage, signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  const { pid, exited } = stage.postgres;
  process.kill(pid, signal);
  await exited;
  await stage.restartPostgres();
}

const PAUSED_MS = 4_000;

const stores: readonly Fault[] = [
  { name: 'postgres.restart', what: 'PostgreSQL stops at once (immediate) and comes back', prepare: async ({ stage, play }, random) => once(play, random, 'PostgreSQL', () => endPostgres(stage, 'SIGQUIT')) },
  { name: 'postgres.kill', what: 'kill -9 of PostgreSQL, which recovers', prepare: async ({ stage, play }, random) => once(play, random, 'PostgreSQL', () => endPostgres(stage, 'SIGKILL')) },
  { name: 'kafka.restart', what: 'the broker stops and comes back', impossible: kafkaOnly, prepare: async ({ stage, play }, random) => once(play, random, 'Kafka', async () => (await stage.broker()).kafka.restart(), ON_KAFKA) },
  {
    name: 'kafka.pause', what: `the broker does nothing for ${PAUSED_MS / 1000} s (SIGSTOP)`, impossible: kafkaOnly,
    prepare: async ({ stage, play }, random) => once(play, random, 'Kafka', async () => {
      const { kafka } = await stage.broker();
      kafka.pause();
      await wait(PAUSED_MS);
      kafka.resume();
    }, ON_KAFKA),
  },
];

const STARTED_MS_MAX = 30_000;
const LOOK_MS = 20;
/** A process joins its groups somewhere in its first seconds. */
const SECOND_MS_MAX = 3_000;

/** SIGTERM, and another one while the process that comes after it is still starting: it may be about to join its groups. */
async function askTwice(one: ClusterProcess, laterMs: number): Promise<void> {
  const before = one.starts;
  await askToEnd(one);
  for (let waitedMs = 0; one.starts === before; waitedMs += LOOK_MS) {
    if (waitedMs > STARTED_MS_MAX) throw new Error(`${one.name} was not started again`);
    await wait(LOOK_MS);
  }
  await wait(laterMs);
  await askToEnd(one, !(await one.isReady()));
}

const processes: readonly Fault[] = [
  {
    name: 'sigterm', what: `SIGTERM of a service under load: it ends well within ${ENDS_WITHIN_MS / 1000} s and is started again`,
    prepare: async ({ play }, random) => {
      const [service, draw] = [SERVICES[random.intBelow(SERVICES.length)], random.intBelow(12)];
      return once(play, random, `${service}, process ${draw} of it`, async ({ cluster }) => {
        const own = cluster.processes.filter(({ id }) => id.service === service);
        await askToEnd(own[draw % own.length] as ClusterProcess);
      });
    },
  },
  {
    name: 'sigterm.kafka', what: 'SIGTERM of all processes of a service at once, and of those that come after them while they start', impossible: kafkaOnly,
    prepare: async ({ play }, random) => {
      const [service, laterMs] = [SERVICES[random.intBelow(SERVICES.length)], random.intBelow(SECOND_MS_MAX)];
      return once(play, random, `${service}, again ${laterMs} ms after its start,`, async ({ cluster }) => {
        await Promise.all(cluster.processes.filter(({ id }) => id.service === service).map((one) => askTwice(one, laterMs)));
      }, ON_KAFKA);
    },
  },
];

const deliveries = (log: 'embedded' | 'kafka', more: Pick<Fault, 'impossible'>, cluster: Disturbance['cluster']): Fault => ({
  name: `deliveries.${log}`, what: 'messages come late, mixed between keys, and whole ends of what was seen come again', ...more,
  prepare: async (_ground, random) => {
    const seed = random.intBelow(1_000_000);
    return { story: `draw ${seed}`, struck: (hits) => sum(hits, ['deliveries.repeated', 'deliveries.mixed']), disturbance: { arming: () => ({ deliveries: { seed, log } }), cluster } };
  },
});

/** Services of which two instances compete; their clocks disagree by two hours. */
const RIVALS: readonly string[] = Object.entries(TWO_OF_SOME).flatMap(([service, count]) => (count > 1 ? [service] : []));

/**
 * Each process has a clock of its own: of two instances of a role one is an hour ahead and the other one an hour behind, those of a
 * service with one instance are right, ahead or behind.
 */
export function clocksOf(random: DeterministicRandom): { story: string; clockMs: (id: Pick<ProcessId, 'service' | 'role' | 'index'>) => number } {
  const draws = new Map(SERVICES.flatMap((service) => (['all', 'api', 'worker'] as const).map((role) => [`${service}/${role}`, RIVALS.includes(service) ? 2 * random.intBelow(2) - 1 : random.intBelow(3) - 1] as const)));
  const clockMs = ({ service, role, index }: Pick<ProcessId, 'service' | 'role' | 'index'>): number => (draws.get(`${service}/${role}`) ?? 0) * (index % 2 === 0 ? 1 : -1) * HOUR_MS || 0;
  const of = (wanted: number): string => [...draws].filter(([name, draw]) => name.endsWith('/all') && draw === wanted).map(([name]) => `${name}/0`).join(', ') || 'nobody';
  return { story: `${of(1)} an hour ahead, ${of(-1)} behind, second instances the other way`, clockMs };
}

const WITH_RIVALS: NonNullable<Disturbance['cluster']> = { instances: TWO_OF_SOME };

/** The clocks that were wrong and asked; where two instances are to disagree and only one has looked, nobody disagreed. */
function disagreed(hits: ReadonlyMap<string, ReadonlyMap<string, number>>): number {
  const lookedAt = (service: string): number => [...hits].filter(([name, counts]) => name.startsWith(`${service}/`) && (counts.get('clock.read') ?? 0) > 0).length;
  return RIVALS.every((service) => lookedAt(service) > 1) ? sum(hits, ['clock.read']) : 0;
}

const clocks: readonly Fault[] = [
  {
    name: 'clock.wrong', what: 'clocks of processes are an hour wrong, those of two instances of a service in opposite directions',
    prepare: async (_ground, random) => {
      const { story, clockMs } = clocksOf(random);
      return { story, struck: disagreed, disturbance: { arming: (id) => ({ clockMs: clockMs(id) }), cluster: WITH_RIVALS } };
    },
  },
  {
    name: 'clock.step', what: 'clocks of processes step by an hour while they work, those of two instances of a service in opposite directions',
    prepare: async ({ play }, random) => {
      const { story, clockMs } = clocksOf(random);
      const { disturbance, ...rest } = once(play, random, `${story},`, async ({ cluster }) => cluster.processes.filter(({ id }) => clockMs(id) !== 0).forEach((one) => one.kill(CLOCK_SIGNAL)), WITH_RIVALS);
      return { ...rest, struck: disagreed, disturbance: { ...disturbance, arming: (id) => ({ clockMs: clockMs(id), clockSteps: true }) } };
    },
  },
];

/** Every fault that is no kill at a failpoint. */
export const faults: readonly Fault[] = [...stores, ...networkFaults, ...processes, deliveries('embedded', {}, {}), deliveries('kafka', { impossible: kafkaOnly }, ON_KAFKA), ...clocks, ...diskFaults];

/** Faults that differ only in kind: of those a CI run takes one. */
export const familyOf = (name: string): string => (/^(network|kafka|deliveries|clock|sigterm)\./.test(name) ? name.slice(0, name.lastIndexOf('.')) : name);

/** One of each family, drawn from the seed. */
export const sliceOf = (all: readonly Fault[], seed: number): Fault[] =>
  [...Map.groupBy(all.filter(({ knownDefect }) => knownDefect === undefined), ({ name }) => familyOf(name)).values()].map((family, index) => family[(seed + index) % family.length] as Fault);
