import { parseArgs } from 'node:util';

/** How the all-in-one was asked to run. */
export interface Options {
  /** Folder with everything that must survive. */
  readonly data: string;
  /** A temporary folder, removed at the end. */
  readonly ephemeral: boolean;
  readonly portBase: number;
  /** Secrets, keys and beacon follow from it; random where it is not given. */
  readonly seed?: string;
  readonly quiet: boolean;
}

export const HELP = `npm start -- [options]

Runs all of Skein in one process on embedded parts: PostgreSQL, event log, chain, six services.

  --data DIR      where everything is kept (default .skein)
  --ephemeral     keep nothing: a temporary folder, removed at the end
  --port-base N   first port on 127.0.0.1 (default 7400). N: REST of all services and /health/ready;
                  N+1 … N+6: gRPC of arena, validation, fl-aggregator, staking-indexer, marketplace, billing;
                  N+11 … N+16: their internal gRPC; N+20: PostgreSQL; N+21: anvil
  --seed TEXT     development secrets, keys and public randomness follow from it (kept from the first start on)
  --quiet         no log lines of services below warnings
  --help          this text
`;

const PORTS_USED = 22;

/** Reads the command line; throws a sentence naming the option. Undefined: help was asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ args: [...args], options: { data: string, ephemeral: flag, 'port-base': string, seed: string, quiet: flag, help: flag } });
  if (values.help) return undefined;
  const portBase = Number(values['port-base'] ?? '7400');
  if (!Number.isInteger(portBase) || portBase < 1024 || portBase + PORTS_USED > 65_536) throw new Error(`--port-base must be an integer from 1024 to ${65_536 - PORTS_USED}, not "${values['port-base']}"`);
  if (values.ephemeral && values.data !== undefined) throw new Error('--ephemeral keeps nothing, so it cannot be combined with --data');
  return { data: values.data ?? '.skein', ephemeral: values.ephemeral, portBase, quiet: values.quiet, ...(values.seed === undefined ? {} : { seed: values.seed }) };
}
