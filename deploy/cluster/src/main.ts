import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Cluster } from './cluster.js';
import { HELP, parseCommandLine, type CommandLine } from './command-line.js';

const STOP_MS_MAX = 10_000;

/** Resolves when this process is asked to end: by a signal, or because whoever started it is gone. */
function asked(): Promise<string> {
  const parent = process.ppid;
  return new Promise((done) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => done(name));
    setInterval(() => process.ppid !== parent && done('the parent is gone'), 500).unref();
  });
}

function announce(cluster: Cluster, options: CommandLine, startedMs: number): void {
  const { layout, services, processes } = cluster;
  const lines = [
    `Skein is ready after ${Math.round(performance.now() - startedMs)} ms: ${processes.length} processes, event log ${options.eventLog}.`,
    `  REST, health, metrics   ${cluster.frontUrl}/`,
    ...services.map((name) => `  gRPC ${name.padEnd(18)} 127.0.0.1:${layout.grpc[name]}   ${processes.filter(({ id }) => id.service === name).map((one) => `${one.id.role}/${one.id.index} ${one.pid}`).join(', ')}`),
    `  data                    ${options.data}${options.ephemeral ? ' (removed at the end)' : ''}`,
    `  operator's token, chain ${join(options.data, 'devnet.json')}`,
    'Ctrl-C ends it.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function run(given: CommandLine): Promise<void> {
  const startedMs = performance.now();
  const options = { ...given, data: given.ephemeral ? mkdtempSync(join(tmpdir(), 'skein-cluster-')) : resolve(given.data) };
  const end = asked();
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const starting = new AbortController();
  void end.then((why) => starting.abort(new Error(`given up (${why})`)));
  try {
    const cluster = await Cluster.start({ ...options, ...(process.env['SKEIN_CACHE'] ? { cacheDir: process.env['SKEIN_CACHE'] } : {}), signal: starting.signal, say: write, output: (_id, line) => write(line) });
    announce(cluster, options, startedMs);
    const why = await end;
    write(`Stopping (${why}).`);
    // Whatever hangs must not outlive the promise of the README: everything below dies with this process.
    setTimeout(() => process.exit(1), STOP_MS_MAX - 300).unref();
    await cluster.stop();
  } finally {
    if (options.ephemeral) rmSync(options.data, { recursive: true, force: true });
  }
}

function commandLine(): CommandLine | undefined {
  try {
    return parseCommandLine(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`skein: ${(error as Error).message}\nSee npm run cluster -- --help\n`);
    process.exit(2);
  }
}

const wanted = commandLine();
if (wanted === undefined) process.stdout.write(HELP);
else
  run(wanted).then(
    () => process.exit(0),
    (error: Error) => {
      process.stderr.write(`skein: ${error.message}\n`);
      process.exit(1);
    },
  );
