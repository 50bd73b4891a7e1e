import { setTimeout as wait } from 'node:timers/promises';
import type { Edge } from '@skein/cluster';
import type { DeterministicRandom } from '@skein/kernel';
import { startFaultProxy, type FaultProxy } from '@skein/testing/fault-proxy';
import type { Fault, Prepared } from './fault.js';
import { STEPS, type Step } from './scenario.js';

const BROKEN_MS = 2_500;
const DELAY_MS = 150;

type Break = (proxy: FaultProxy) => void;

const KINDS: Readonly<Record<string, { readonly what: string; readonly strike: Break }>> = {
  delay: { what: `every byte takes ${DELAY_MS} ms longer`, strike: (proxy) => proxy.delay(DELAY_MS) },
  drop: { what: 'nothing arrives, nothing is refused', strike: (proxy) => proxy.drop() },
  'half-open': { what: 'the far ends are gone and nobody says so', strike: (proxy) => proxy.halfOpen() },
  reset: { what: 'every connection is reset', strike: (proxy) => proxy.reset() },
};

/** Which of a process's connections are cut, and when there are any. */
interface Edges {
  readonly what: string;
  readonly cuts: (edge: Edge) => boolean;
  /** Step at which a service has such connections; undefined: always. */
  readonly from: Readonly<Record<string, Step | undefined>>;
}

const ALWAYS = { arena: undefined, validation: undefined, 'staking-indexer': undefined, marketplace: undefined, billing: undefined };
const EDGES: Readonly<Record<string, Edges>> = {
  postgres: { what: 'PostgreSQL', cuts: ({ to }) => to === 'postgres', from: ALWAYS },
  'event-log': { what: 'the event log', cuts: ({ to }) => to === 'event-log', from: ALWAYS },
  service: { what: 'the other services', cuts: ({ to }) => to !== 'postgres' && to !== 'event-log', from: { validation: 'scores and pay', marketplace: 'calls' } },
};

function cut({ cuts, from }: Edges, strike: Break, random: DeterministicRandom): Prepared {
  const services = Object.keys(from);
  const service = services[random.intBelow(services.length)] as string;
  const step = from[service] ?? (STEPS[random.intBelow(STEPS.length)] as Step);
  const delayMs = random.intBelow(400);
  const proxies: FaultProxy[] = [];
  let struck = 0;
  return {
    story: `${service}, ${delayMs} ms into "${step}"`,
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
        if (name !== step) return;
        await wait(delayMs);
        const open = (): number => proxies.reduce((sum, proxy) => sum + proxy.connections(), 0);
        const before = open();
        proxies.forEach(strike);
        await wait(BROKEN_MS);
        struck = Math.max(before, open());
        for (const proxy of proxies) proxy.heal();
      },
      after: () => proxies.forEach((proxy) => proxy.heal()),
      end: async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))),
    },
  };
}

/** Partitions between one service and what it talks to, for some seconds. */
export const networkFaults: readonly Fault[] = Object.entries(EDGES).flatMap(([to, edges]) =>
  Object.entries(KINDS).map(([kind, { what: how, strike }]): Fault => ({
    name: `network.${to}.${kind}`,
    what: `between a service and ${edges.what}: ${how}`,
    prepare: async (_stage, random) => cut(edges, strike, random),
  })),
);
