import { setTimeout as wait } from 'node:timers/promises';
import type { Edge } from '@skein/cluster';
import type { DeterministicRandom } from '@skein/kernel';
import { startFaultProxy, type FaultProxy } from '@skein/testing/fault-proxy';
import type { Fault, Prepared } from './faults.js';
import { STEPS } from './scenario.js';

const BROKEN_MS = 2_500;
const DELAY_MS = 150;

type Break = (proxy: FaultProxy) => void;

const KINDS: Readonly<Record<string, { readonly what: string; readonly strike: Break }>> = {
  delay: { what: `every byte takes ${DELAY_MS} ms longer`, strike: (proxy) => proxy.delay(DELAY_MS) },
  drop: { what: 'nothing arrives, nothing is refused', strike: (proxy) => proxy.drop() },
  'half-open': { what: 'the far ends are gone and nobody says so', strike: (proxy) => proxy.halfOpen() },
  reset: { what: 'every connection is reset', strike: (proxy) => proxy.reset() },
};

/** Which of a process's connections are cut. */
const EDGES: Readonly<Record<string, { readonly what: string; readonly cuts: (edge: Edge) => boolean; readonly from: readonly string[] }>> = {
  postgres: { what: 'PostgreSQL', cuts: ({ to }) => to === 'postgres', from: ['arena', 'validation', 'staking-indexer', 'marketplace', 'billing'] },
  'event-log': { what: 'the event log', cuts: ({ to }) => to === 'event-log', from: ['arena', 'validation', 'staking-indexer', 'marketplace', 'billing'] },
  service: { what: 'the other services', cuts: ({ to }) => to !== 'postgres' && to !== 'event-log', from: ['validation', 'marketplace'] },
};

function cut(cuts: (edge: Edge) => boolean, from: readonly string[], strike: Break, random: DeterministicRandom): Prepared {
  const service = from[random.intBelow(from.length)] as string;
  const step = STEPS[random.intBelow(STEPS.length)] as string;
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
        struck = proxies.reduce((sum, proxy) => sum + proxy.connections(), 0);
        proxies.forEach(strike);
        await wait(BROKEN_MS);
        for (const proxy of proxies) proxy.heal();
      },
      after: () => proxies.forEach((proxy) => proxy.heal()),
      end: async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))),
    },
  };
}

/** Partitions between one service and what it talks to, for some seconds. */
export const networkFaults: readonly Fault[] = Object.entries(EDGES).flatMap(([to, { what, cuts, from }]) =>
  Object.entries(KINDS).map(([kind, { what: how, strike }]): Fault => ({
    name: `network.${to}.${kind}`,
    what: `between a service and ${what}: ${how}`,
    prepare: async (_stage, random) => cut(cuts, from, strike, random),
  })),
);
