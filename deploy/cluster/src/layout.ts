import { assertFree, SERVICE_NAMES, servicePorts, type NamedPort } from '@skein/all-in-one';
import type { ServiceName } from '@skein/platform';
import type { ClusterOptions, ProcessId, ProcessRole } from './options.js';

/** Ports of one process. A worker listens on HTTP only. */
export interface ProcessPorts {
  readonly http: number;
  readonly grpc: number;
  readonly internal: number;
}

/** A process of the cluster and where it listens. */
export interface PlannedProcess {
  readonly id: ProcessId;
  readonly ports: ProcessPorts;
}

/** Every port of a cluster, all on 127.0.0.1. */
export interface Layout {
  readonly front: number;
  /** Of the balancers, which clients and other services use. */
  readonly grpc: Readonly<Record<ServiceName, number>>;
  readonly internal: Readonly<Record<ServiceName, number>>;
  readonly postgres: number;
  readonly anvil: number;
  readonly kafka: number;
  readonly kafkaController: number;
  readonly processes: readonly PlannedProcess[];
  /** The first port after the last one. */
  readonly end: number;
}

/** Instances of each role where nothing else is asked for. */
export const STANDARD_INSTANCES: Readonly<Record<ServiceName, number>> = { arena: 2, validation: 1, 'fl-aggregator': 1, 'staking-indexer': 1, marketplace: 1, billing: 2 };

const FIRST_PROCESS = 30;
const PORTS_EACH = 3;

/** `arena/worker/1`. */
export const nameOf = ({ service, role, index }: ProcessId): string => `${service}/${role}/${index}`;

function idsOf(options: Pick<ClusterOptions, 'roles' | 'instances' | 'services'>): ProcessId[] {
  const roles: readonly ProcessRole[] = options.roles === 'all' ? ['all'] : ['api', 'worker'];
  const instances = (service: ServiceName): number => options.instances?.[service] ?? STANDARD_INSTANCES[service];
  const services = SERVICE_NAMES.filter((name) => options.services?.includes(name) ?? true);
  return services.flatMap((service) => roles.flatMap((role) => Array.from({ length: instances(service) }, (_, index) => ({ service, role, index }))));
}

/** The processes that were asked for and the ports that follow from `base`. */
export function layoutOf(base: number, options: Pick<ClusterOptions, 'roles' | 'instances' | 'services'>): Layout {
  const processes = idsOf(options).map((id, at) => {
    const http = base + FIRST_PROCESS + PORTS_EACH * at;
    return { id, ports: { http, grpc: http + 1, internal: http + 2 } };
  });
  return {
    front: base,
    grpc: servicePorts(base + 1),
    internal: servicePorts(base + 11),
    postgres: base + 20,
    anvil: base + 21,
    kafka: base + 22,
    kafkaController: base + 23,
    processes,
    end: base + FIRST_PROCESS + PORTS_EACH * processes.length,
  };
}

const portsOf = (layout: Layout): NamedPort[] => [
  ['front', layout.front],
  ...SERVICE_NAMES.flatMap((name): NamedPort[] => [
    [`${name} gRPC`, layout.grpc[name]],
    [`${name} internal gRPC`, layout.internal[name]],
  ]),
  ['PostgreSQL', layout.postgres],
  ['anvil', layout.anvil],
  ['Kafka', layout.kafka],
  ["Kafka's controller", layout.kafkaController],
  ...layout.processes.flatMap(({ id, ports }): NamedPort[] => [
    [`${nameOf(id)} HTTP`, ports.http],
    [`${nameOf(id)} gRPC`, ports.grpc],
    [`${nameOf(id)} internal gRPC`, ports.internal],
  ]),
];

/** Below the ports that the system gives to outgoing connections. */
const FREE_FROM = 20_000;
const FREE_TO = 32_000;

/**
 * The layout on the wanted ports, all free, or on a free block where none are wanted. Throws a sentence naming what is
 * taken and the option that chooses others.
 */
export async function freeLayout(options: ClusterOptions): Promise<Layout> {
  if (options.portBase !== undefined) {
    const layout = layoutOf(options.portBase, options);
    await assertFree(portsOf(layout));
    return layout;
  }
  const size = layoutOf(0, options).end;
  const blocks = Math.floor((FREE_TO - FREE_FROM) / size);
  for (let attempt = 0; attempt < blocks; attempt += 1) {
    const layout = layoutOf(FREE_FROM + ((process.pid + attempt) % blocks) * size, options);
    const free = await assertFree(portsOf(layout)).then(() => true, () => false);
    if (free) return layout;
  }
  throw new Error('no block of ports is free');
}
