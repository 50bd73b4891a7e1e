import { setTimeout as wait } from 'node:timers/promises';
import { kafkaAvailable } from '@skein/embedded';
import type { DeterministicRandom } from '@skein/kernel';
import type { Disturbance } from './attempt.js';
import { diskFaults } from './disk-fault.js';
import type { Fault, Prepared } from './fault.js';
import { networkFaults } from './network-faults.js';
import { STEPS, type Step } from './scenario.js';
import type { Run, Stage } from './stage.js';

const HOUR_MS = 3_600_000;

/** Something done once, some milliseconds into a step drawn from the seed. */
function once(random: DeterministicRandom, what: string, strike: (run: Run) => Promise<void>, cluster: Disturbance['cluster'] = {}): Prepared {
  const step = STEPS[random.intBelow(STEPS.length)] as Step;
  const delayMs = random.intBelow(400);
  let struck = 0;
  const during = async (run: Run, name: Step): Promise<void> => {
    if (name !== step) return;
    await wait(delayMs);
    struck += 1;
    await strike(run);
  };
  return { story: `${what} ${delayMs} ms into "${step}"`, struck: () => struck, disturbance: { during, cluster } };
}

const sum = (hits: ReadonlyMap<string, ReadonlyMap<string, number>>, names: readonly string[]): number =>
  [...hits.values()].reduce((all, counts) => all + names.reduce((part, name) => part + (counts.get(name) ?? 0), 0), 0);

async function endPostgres(stage: Stage, signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  const { pid, exited } = stage.postgres;
  process.kill(pid, signal);
  await exited;
  await stage.restartPostgres();
}

const kafkaOnly = async (): Promise<string | undefined> => {
  const available = await kafkaAvailable();
  return available.ok ? undefined : available.why;
};
/** Kafka begins empty: what the template's relays have sent is sent again. */
const ON_KAFKA: NonNullable<Disturbance['cluster']> = { eventLog: 'kafka', migrate: true };
const PAUSED_MS = 4_000;

const stores: readonly Fault[] = [
  { name: 'postgres.restart', what: 'PostgreSQL stops at once (immediate) and comes back', prepare: async (stage, random) => once(random, 'PostgreSQL', () => endPostgres(stage, 'SIGQUIT')) },
  { name: 'postgres.kill', what: 'kill -9 of PostgreSQL, which recovers', prepare: async (stage, random) => once(random, 'PostgreSQL', () => endPostgres(stage, 'SIGKILL')) },
  { name: 'kafka.restart', what: 'the broker stops and comes back', knownDefect: 'a consumer can stay behind after the broker is back', impossible: kafkaOnly, prepare: async (_stage, random) => once(random, 'Kafka', async (run) => run.cluster.eventLog.kafka?.restart(), ON_KAFKA) },
  {
    name: 'kafka.pause', what: `the broker does nothing for ${PAUSED_MS / 1000} s (SIGSTOP)`, impossible: kafkaOnly,
    prepare: async (_stage, random) => once(random, 'Kafka', async (run) => {
      run.cluster.eventLog.kafka?.pause();
      await wait(PAUSED_MS);
      run.cluster.eventLog.kafka?.resume();
    }, ON_KAFKA),
  },
];

const processes: readonly Fault[] = [
  {
    name: 'sigterm', what: 'SIGTERM of a service under load; it drains and is started again',
    prepare: async (_stage, random) => {
      const at = random.intBelow(6);
      return once(random, `service ${at + 1}`, async ({ cluster }) => cluster.processes[at]?.kill('SIGTERM'));
    },
  },
  {
    name: 'deliveries', what: 'messages come late, mixed between keys, and whole ends of what was seen come again',
    prepare: async (_stage, random) => {
      const seed = random.intBelow(1_000_000);
      return { story: `draw ${seed}`, struck: (hits) => sum(hits, ['deliveries.repeated', 'deliveries.mixed']), disturbance: { arming: () => ({ deliveries: seed }) } };
    },
  },
  {
    name: 'clock', what: 'the clocks of two services are an hour wrong, one ahead and one behind',
    prepare: async (_stage, random) => {
      const services = ['arena', 'validation', 'staking-indexer', 'marketplace', 'billing', 'fl-aggregator'];
      const [ahead, behind] = [0, 1].map(() => services.splice(random.intBelow(services.length), 1)[0]);
      const clockMs = (service: string): number => (service === ahead ? HOUR_MS : service === behind ? -HOUR_MS : 0);
      return { story: `${ahead} ahead, ${behind} behind`, struck: (hits) => sum(hits, ['clock.read']), disturbance: { arming: ({ service }) => ({ clockMs: clockMs(service) }) } };
    },
  },
];

/** Every fault that is no kill at a failpoint. */
export const faults: readonly Fault[] = [...stores, ...networkFaults, ...processes, ...diskFaults];

/** Faults that differ only in kind: of those a CI run takes one. */
const familyOf = (name: string): string => (/^(network|kafka)\./.test(name) ? name.slice(0, name.lastIndexOf('.')) : name);

/** One of each family, drawn from the seed. */
export const sliceOf = (all: readonly Fault[], seed: number): Fault[] =>
  [...Map.groupBy(all.filter(({ knownDefect }) => knownDefect === undefined), ({ name }) => familyOf(name)).values()].map((family, index) => family[(seed + index) % family.length] as Fault);
