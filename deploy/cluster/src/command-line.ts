import { parseArgs } from 'node:util';
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
                      N+30 … N+77: the processes, three each (HTTP, gRPC, internal gRPC)
  --seed TEXT         development secrets, keys and public randomness follow from it (kept from the first start on)
  --quiet             no log lines of services below warnings
  --help              this text

  KAFKA_BROKERS       host:port,host:port of a Kafka of one's own, instead of the embedded one
  DATABASE_URL        administrator's URL of a PostgreSQL of one's own: databases and roles are made there
`;

const PORTS_USED = 78;

function eventLogOf(text: string): EventLogKind {
  if (text !== 'kafka' && text !== 'embedded') throw new Error(`--event-log must be kafka or embedded, not "${text}"`);
  return text;
}

/** Reads the command line and the two variables that replace embedded servers; throws a sentence naming the option. Undefined: help was asked for. */
export function parseCommandLine(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): CommandLine | undefined {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ args: [...args], options: { data: string, ephemeral: flag, 'event-log': string, 'port-base': string, seed: string, quiet: flag, help: flag } });
  if (values.help) return undefined;
  const portBase = Number(values['port-base'] ?? '7400');
  if (!Number.isInteger(portBase) || portBase < 1024 || portBase + PORTS_USED > 65_536) throw new Error(`--port-base must be an integer from 1024 to ${65_536 - PORTS_USED}, not "${values['port-base']}"`);
  if (values.ephemeral && values.data !== undefined) throw new Error('--ephemeral keeps nothing, so it cannot be combined with --data');
  const { KAFKA_BROKERS: kafkaBrokers = '', DATABASE_URL: databaseUrl = '' } = environment;
  return {
    data: values.data ?? '.skein-cluster',
    ephemeral: values.ephemeral,
    portBase,
    eventLog: eventLogOf(values['event-log'] ?? 'kafka'),
    quiet: values.quiet,
    ...(values.seed === undefined ? {} : { seed: values.seed }),
    ...(kafkaBrokers === '' ? {} : { kafkaBrokers }),
    ...(databaseUrl === '' ? {} : { databaseUrl }),
  };
}
