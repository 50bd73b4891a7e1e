import { setTimeout as wait } from 'node:timers/promises';
import type { Edge } from '@skein/cluster';
import { shuffle, type DeterministicRandom } from '@skein/kernel';
import { startFaultProxy, type FaultProxy } from '@skein/testing/fault-proxy';
import type { Ground } from './attempt.js';
import type { Fault, Prepared } from './fault.js';
import type { Play } from './play.js';
import { combined, kafkaOnly, ON_KAFKA, once, SERVICES } from './strikes.js';

const BROKEN_MS = 2_500;
/** Where nobody has anything to say, a broken network goes unnoticed for a while. */
const MET_MS_MAX = 10_000;
const LOOK_MS = 100;
const DELAY_MS = 150;

type Break = (proxy: FaultProxy) => void;

const KINDS = {
  delay: { what: `every byte takes ${DELAY_MS} ms longer`, strike: (proxy) => proxy.delay(DELAY_MS) },
  drop: { what: 'nothing arrives, nothing is refused', strike: (proxy) => proxy.drop() },
  'half-open': { what: 'the far ends are gone and nobody says so', strike: (proxy) => proxy.halfOpen() },
  reset: { what: 'every connection is reset', strike: (proxy) => proxy.reset() },
} as const satisfies Readonly<Record<string, { readonly what: string; readonly strike: Break }>>;

/** Which of a process's connections are cut, and when there are any. */
interface Edges {
  readonly what: string;
  readonly cuts: (edge: Edge) => boolean;
  /** Moment from which a service has such connections; undefined: always. */
  readonly from: (play: Play) => Readonly<Record<string, string | undefined>>;
}

const always = (): Readonly<Record<string, undefined>> => ({ arena: undefined, validation: undefined, 'staking-indexer': undefined, marketplace: undefined, billing: undefined, 'fl-aggregator': undefined });
const EDGES = {
  postgres: { what: 'PostgreSQL', cuts: ({ to }) => to === 'postgres', from: always },
  'event-log': { what: 'the event log', cuts: ({ to }) => to === 'event-log', from: always },
  service: { what: 'the other services', cuts: ({ to }) => to !== 'postgres' && to !== 'event-log', from: ({ calling }) => calling },
} as const satisfies Readonly<Record<string, Edges>>;

/** Bytes that came late or never, and connections that were reset or met silence. */
const metBy = (proxies: readonly FaultProxy[]): number => proxies.map((proxy) => proxy.struck()).reduce((sum, { bytes, links }) => sum + bytes + links, 0);

/** Breaks until somebody has met it, for some seconds at least; how much was met. */
export async function breakAll(proxies: readonly FaultProxy[], strike: Break, brokenMs = BROKEN_MS): Promise<number> {
  const before = metBy(proxies);
  proxies.forEach(strike);
  for (let waitedMs = 0; metBy(proxies) === before && waitedMs < MET_MS_MAX; waitedMs += LOOK_MS) {
    await wait(LOOK_MS);
    // A reset meets only connections that are there at that moment; the others go on as they are.
    if (metBy(proxies) === before) proxies.forEach(strike);
  }
  await wait(brokenMs);
  for (const proxy of proxies) proxy.heal();
  return metBy(proxies) - before;
}

function cut({ cuts, from }: Edges, strike: Break, play: Play, random: DeterministicRandom, only?: string): Prepared {
  const moments = from(play);
  const services = Object.keys(moments);
  const service = only ?? (services[random.intBelow(services.length)] as string);
  const moment = moments[service] ?? (play.moments[random.intBelow(play.moments.length)] as string);
  const delayMs = random.intBelow(400);
  const proxies: FaultProxy[] = [];
  let struck = 0;
  return {
    story: `${service}, ${delayMs} ms into "${moment}"`,
    struck: () => struck,
    disturbance: {
      cluster: {
        via: async (edge) => {
          if (edge.from.service !== service || !cuts(edge)) return undefined;
          const proxy = await startFaultProxy({ target: `${edge.host}:${edge.port}` });
          proxies.push(proxy);
          return proxy.port;
        },
      },
      during: async (_run, name) => {
        if (name !== moment) return;
        await wait(delayMs);
        struck = await breakAll(proxies, strike);
      },
      after: () => proxies.forEach((proxy) => proxy.heal()),
      end: async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))),
    },
  };
}

/** The whole broker behind one proxy, for everybody: clients connect to where the broker says that it is. */
async function cutKafka(strike: Break, { play, stage }: Ground, random: DeterministicRandom): Promise<Prepared> {
  const { proxy } = await stage.broker();
  let struck = 0;
  const { story, disturbance } = once(play, random, 'everybody', async () => void (struck = await breakAll([proxy], strike)), ON_KAFKA);
  return { story, struck: () => struck, disturbance: { ...disturbance, after: () => proxy.heal() } };
}

const kinds = Object.entries(KINDS);

/** Partitions between one service, or everybody, and what it talks to, for some seconds. */
export const networkFaults: readonly Fault[] = [
  ...Object.entries(EDGES).flatMap(([to, edges]) => kinds.map(([kind, { what: how, strike }]): Fault => ({
    name: `network.${to}.${kind}`,
    what: `between a service and ${edges.what}: ${how}`,
    prepare: async ({ play }, random) => cut(edges, strike, play, random),
  }))),
  ...kinds.map(([kind, { what: how, strike }]): Fault => ({
    name: `network.kafka.${kind}`,
    what: `between all services and Kafka: ${how}`,
    impossible: kafkaOnly,
    prepare: (ground, random) => cutKafka(strike, ground, random),
  })),
];

/** Each kind of partition once, each between another service and what it talks to. */
export const everyNetworkFault = async (ground: Ground, random: DeterministicRandom): Promise<Prepared> => {
  const services = shuffle(random, SERVICES);
  const { play } = ground;
  return combined([
    ...Object.values(KINDS).map(({ strike }, index) => cut(EDGES.postgres, strike, play, random, services[index])),
    cut(EDGES.service, KINDS.drop.strike, play, random, 'validation'),
    cut(EDGES.service, KINDS.reset.strike, play, random, 'marketplace'),
    ...((await kafkaOnly()) === undefined ? [await cutKafka(KINDS['half-open'].strike, ground, random)] : []),
  ]);
};
