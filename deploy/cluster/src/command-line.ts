import { parseArgs } from 'node:util';
import { SERVICE_NAMES } from '@skein/all-in-one';
import type { ServiceName } from '@skein/platform';
import { layoutOf } from './layout.js';
import type { EventLogKind } from './options.js';

/** How `npm run cluster` was asked to run. */
export interface CommandLine {
  readonly data: string;
  /** A temporary folder, removed at the end. */
  readonly ephemeral: boolean;
  readonly portBase: number;
  readonly seed?: string;
  readonly eventLog: EventLogKind;
  readonly kafkaBrokers?: string;
  readonly databaseUrl?: string;
  readonly instances?: Partial<Record<ServiceName, number>>;
  readonly quiet: boolean;
}

export const HELP = `npm run cluster -- [options]

Runs Skein as an operator would: PostgreSQL, Kafka, chain, and the API and the workers of each service as processes of
their own, two instances of arena and billing. What dies is started again.

  --data DIR          where everything is kept (default .skein-cluster)
  --ephemeral         keep nothing: a temporary folder, removed at the end
  --event-log KIND    kafka (default; needs Java and Maven, or KAFKA_BROKERS) or embedded (in PostgreSQL)
  --port-base N       first port on 127.0.0.1 (default 7400). N: REST of all services and /health/ready;
                      N+1 … N+6: gRPC of arena, validation, fl-aggregator, staking-indexer, marketplace, billing;
                      N+11 … N+16: their internal gRPC; N+20: PostgreSQL; N+21: anvil; N+22, N+23: Kafka;
                      N+30 … N+77, or more with --instances: the processes, three each (HTTP, gRPC, internal gRPC)
  --instances LIST    processes of each role, such as validation=2,billing=1 (default: 2 of arena and billing, else 1)
  --seed TEXT         development secrets, keys and public randomness follow from it (kept from the first start on)
  --quiet             no log lines of services below warnings
  --help              this text

  KAFKA_BROKERS       host:port,host:port of a Kafka of one's own, instead of the embedded one
  DATABASE_URL        administrator's URL of a PostgreSQL of one's own: databases and roles are made there
`;

const INSTANCES_MAX = 8;

function eventLogOf(text: string): EventLogKind {
  if (text !== 'kafka' && text !== 'embedded') throw new Error(`--event-log must be kafka or embedded, not "${text}"`);
  return text;
}

function instancesOf(text: string): Partial<Record<ServiceName, number>> {
  const pairs = text.split(',').map((pair) => {
    const [name, count, ...rest] = pair.split('=');
    const service = SERVICE_NAMES.find((one) => one === name);
    if (service === undefined) throw new Error(`--instances: no service is called "${name}"`);
    if (rest.length > 0 || !/^[1-9]\d*$/.test(count ?? '') || Number(count) > INSTANCES_MAX) throw new Error(`--instances: ${service} has 1 to ${INSTANCES_MAX} instances, not "${count}"`);
    return [service, Number(count)] as const;
  });
  return Object.fromEntries(pairs);
}

function portBaseOf(text: string, instances: CommandLine['instances']): number {
  const base = Number(text);
  const used = layoutOf(0, instances === undefined ? {} : { instances }).end;
  if (!Number.isInteger(base) || base < 1024 || base + used > 65_536) throw new Error(`--port-base must be an integer from 1024 to ${65_536 - used}, not "${text}"`);
  return base;
}

/** Reads the command line and the two variables that replace embedded servers; throws a sentence naming the option. Undefined: help was asked for. */
export function parseCommandLine(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): CommandLine | undefined {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ args: [...args], options: { data: string, ephemeral: flag, 'event-log': string, 'port-base': string, seed: string, instances: string, quiet: flag, help: flag } });
  if (values.help) return undefined;
  const instances = values.instances === undefined ? undefined : instancesOf(values.instances);
  if (values.ephemeral && values.data !== undefined) throw new Error('--ephemeral keeps nothing, so it cannot be combined with --data');
  const { KAFKA_BROKERS: kafkaBrokers = '', DATABASE_URL: databaseUrl = '' } = environment;
  return {
    data: values.data ?? '.skein-cluster',
    ephemeral: values.ephemeral,
    portBase: portBaseOf(values['port-base'] ?? '7400', instances),
    eventLog: eventLogOf(values['event-log'] ?? 'kafka'),
    quiet: values.quiet,
    ...(values.seed === undefined ? {} : { seed: values.seed }),
    ...(instances === undefined ? {} : { instances }),
    ...(kafkaBrokers === '' ? {} : { kafkaBrokers }),
    ...(databaseUrl === '' ? {} : { databaseUrl }),
  };
}
