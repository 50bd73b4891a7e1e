import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLogger } from '@skein/telemetry';
import { AllInOne } from './all-in-one.js';
import { HELP, parseOptions, type Options } from './options.js';
import { SERVICE_NAMES } from './ports.js';

const STOP_MS_MAX = 10_000;

/** Resolves when this process is asked to end: by a signal, or because whoever started it is gone. */
function asked(): Promise<string> {
  const parent = process.ppid;
  return new Promise((done) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => done(name));
    setInterval(() => process.ppid !== parent && done('the parent is gone'), 500).unref();
  });
}

function announce(skein: AllInOne, options: Options, startedMs: number): void {
  const { front, grpc } = skein.ports;
  const lines = [
    `Skein is ready after ${Math.round(performance.now() - startedMs)} ms.`,
    `  REST, health, metrics   http://127.0.0.1:${front}/`,
    ...SERVICE_NAMES.map((name) => `  gRPC ${name.padEnd(18)} 127.0.0.1:${grpc[name]}`),
    `  data                    ${options.data}${options.ephemeral ? ' (removed at the end)' : ''}`,
    `  operator's token, chain ${join(options.data, 'devnet.json')}`,
    'Ctrl-C ends it.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function run(given: Options): Promise<void> {
  const startedMs = performance.now();
  const options = { ...given, data: given.ephemeral ? mkdtempSync(join(tmpdir(), 'skein-')) : resolve(given.data) };
  const end = asked();
  const logger = createLogger({ service: 'skein', level: options.quiet ? 'warn' : 'info' });
  const starting = AllInOne.start(options, logger);
  try {
    const skein = await starting;
    announce(skein, options, startedMs);
    const why = await end;
    process.stdout.write(`Stopping (${why}).\n`);
    // Whatever hangs must not outlive the promise of the README: everything below dies with this process.
    setTimeout(() => process.exit(1), STOP_MS_MAX - 500).unref();
    await skein.stop();
  } finally {
    if (options.ephemeral) rmSync(options.data, { recursive: true, force: true });
  }
}

function options(): Options | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`skein: ${(error as Error).message}\nSee npm start -- --help\n`);
    process.exit(2);
  }
}

const wanted = options();
if (wanted === undefined) process.stdout.write(HELP);
else
  run(wanted).then(
    () => process.exit(0),
    (error: Error) => {
      process.stderr.write(`skein: ${error.message}\n`);
      process.exit(1);
    },
  );
