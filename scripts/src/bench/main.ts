import { parseArgs } from 'node:util';
import { benchBoot } from './boot.js';
import { benchFederation } from './federation.js';

const HELP = `npm run bench -- <boot | federation> [options]

Each prints one JSON object on stdout.

  boot                       milliseconds from start to ready in an empty folder, and memory (PSS, MiB)
    --port-base N            first port (default 27400)
  federation --seeds N       what federation learns, over seeds 0 … N-1 (default 30), by the services' own deciders and kernels
`;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seeds: { type: 'string', default: '30' }, 'port-base': { type: 'string', default: '27400' }, help: { type: 'boolean', default: false } } });

async function bench(name: string | undefined): Promise<object> {
  if (name === 'boot') return benchBoot(Number(values['port-base']));
  if (name === 'federation') return benchFederation(Number(values.seeds));
  throw new Error(`unknown bench "${name ?? ''}"\n${HELP}`);
}

if (values.help) process.stdout.write(HELP);
else
  bench(positionals[0]).then(
    (figures) => process.stdout.write(`${JSON.stringify(figures)}\n`),
    (error: Error) => {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    },
  );
