import { createServer } from 'node:net';
import type { ServiceName } from '@skein/platform';

/** The services in the order of their ports. */
export const SERVICE_NAMES = ['arena', 'validation', 'fl-aggregator', 'staking-indexer', 'marketplace', 'billing'] as const satisfies readonly ServiceName[];

/** Every port of one all-in-one, all on 127.0.0.1. */
export interface Ports {
  readonly front: number;
  readonly grpc: Readonly<Record<ServiceName, number>>;
  readonly internal: Readonly<Record<ServiceName, number>>;
  readonly postgres: number;
  readonly anvil: number;
}

/** Ports for the services, in their order from `first` on. */
export const servicePorts = (first: number) => Object.fromEntries(SERVICE_NAMES.map((name, index) => [name, first + index])) as Record<ServiceName, number>;

/** The ports that follow from `--port-base`. */
export const portsFrom = (base: number): Ports => ({ front: base, grpc: servicePorts(base + 1), internal: servicePorts(base + 11), postgres: base + 20, anvil: base + 21 });

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** What a port is for, and its number. */
export type NamedPort = readonly [name: string, port: number];

/** Throws a sentence naming every port that is taken and the option to change, before anything is started. */
export async function assertFree(named: readonly NamedPort[]): Promise<void> {
  const taken = (await Promise.all(named.map(async ([name, port]) => ((await isFree(port)) ? [] : [`${port} (${name})`])))).flat();
  if (taken.length > 0) throw new Error(`taken on 127.0.0.1: port ${taken.join(', ')}. Choose other ports with --port-base N, or end what uses them`);
}

/** `assertFree` over every port of an all-in-one. */
export const assertPortsFree = (ports: Ports): Promise<void> =>
  assertFree([
    ['front', ports.front],
    ...SERVICE_NAMES.flatMap((name): NamedPort[] => [
      [`${name} gRPC`, ports.grpc[name]],
      [`${name} internal gRPC`, ports.internal[name]],
    ]),
    ['PostgreSQL', ports.postgres],
    ['anvil', ports.anvil],
  ]);
