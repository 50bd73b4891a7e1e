import { parseArgs } from 'node:util';
import type { CsvSchema } from '@skein/models';

/** Command line of the node. */
export interface NodeArguments {
  readonly address: string;
  readonly task: string;
  readonly rowsFile: string;
  readonly keyFile: string;
  readonly label: string;
  readonly classes: readonly string[];
  readonly domain: string;
  readonly chainId: number;
  /** End when the process that started this one is gone. */
  readonly endWithParent: boolean;
}

export const USAGE = `usage: skein-fl-node --address HOST:PORT --task federatedTasks/UUID --rows FILE.csv --key-file FILE --label COLUMN --classes A,B [--domain NAME] [--chain-id N] [--end-with-parent]

Takes part in a federated task with local rows, which never leave this machine.

  --address    public gRPC port of fl-aggregator
  --task       resource name of the federated task
  --rows       CSV with a header; every column but the label is a feature
  --key-file   file with the wallet's private key (0x and 64 hex digits), readable by its owner only
  --label      the label's column
  --classes    class names in the order of their index
  --domain     sign-in domain of the services (default localhost)
  --chain-id   chain of the wallet (default 31337)
  --end-with-parent   end when the process that started this one is gone
`;

function required(values: Readonly<Record<string, string | boolean | undefined>>, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new Error(`--${name} is missing`);
  return value;
}

/** Parses the command line; throws one clear sentence. */
export function parseNodeArguments(argv: readonly string[]): NodeArguments {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: { address: string, task: string, rows: string, 'key-file': string, label: string, classes: string, domain: string, 'chain-id': string, 'end-with-parent': { type: 'boolean', default: false } },
  });
  const chainId = Number(values['chain-id'] ?? '31337');
  if (!Number.isSafeInteger(chainId) || chainId <= 0) throw new Error('--chain-id must be a positive integer');
  return {
    address: required(values, 'address'),
    task: required(values, 'task'),
    rowsFile: required(values, 'rows'),
    keyFile: required(values, 'key-file'),
    label: required(values, 'label'),
    classes: required(values, 'classes').split(','),
    domain: values.domain ?? 'localhost',
    chainId,
    endWithParent: values['end-with-parent'],
  };
}

/** How rows are read: every column of the header but the label is a feature, in its order. */
export function schemaOf(csv: string, label: string, classes: readonly string[]): CsvSchema {
  const header = (csv.split('\n', 1)[0] ?? '').trimEnd().split(',');
  return { features: header.filter((name) => name !== label), label, classes };
}
