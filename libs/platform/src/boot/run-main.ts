import module from 'node:module';
import { ConfigError, commonVariables, parseSettings, processEnvironment, type Environment } from '../config.js';
import type { RunningService, ServiceDefinition } from '../service-definition.js';
import type { Role } from '../settings.js';
import { bootService } from './boot-service.js';
import { migrateService } from './migrate-service.js';

const ROLES: readonly Role[] = ['api', 'worker', 'migrate', 'all'];
const NODE_MAJOR_MIN = 24;

/** Ends the process with a clear sentence on an older Node. */
export function assertNodeVersion(version: string = process.versions.node): void {
  const major = Number(version.split('.', 1)[0]);
  if (major < NODE_MAJOR_MIN) throw new Error(`Node ${NODE_MAJOR_MIN} or newer is needed, this is ${version}`);
}

/** Text of `--help`. */
export function usage(definition: ServiceDefinition): string {
  const variables = commonVariables().map(({ name, standard }) => `  ${name.padEnd(24)} ${standard}`);
  const own = definition.config !== undefined && 'shape' in definition.config && typeof definition.config.shape === 'object' && definition.config.shape !== null ? Object.keys(definition.config.shape) : [];
  return [
    `usage: node dist/main.js <${ROLES.join('|')}>`,
    '',
    '  api      serves gRPC, REST, health and metrics',
    '  worker   runs projections, reactors, consumers, relay, jobs and timers; serves health and metrics',
    '  migrate  migrates the database as its owner and ends',
    '  all      migrate, then api and worker in one process',
    '',
    `environment of ${definition.name}:`,
    ...variables,
    `  ${'PEERS_<SERVICE>'.padEnd(24)} host:port of another service's internal gRPC port`,
    `  ${'OTEL_EXPORTER_OTLP_ENDPOINT'.padEnd(24)} optional: traces go there over OTLP/HTTP; also OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER(_ARG), OTEL_BSP_*`,
    ...own.map((name) => `  ${name.padEnd(24)} of this service`),
    '',
  ].join('\n');
}

/** Closes the service on SIGTERM and SIGINT; a second signal ends the process at once. */
function closeOnSignals(service: RunningService): void {
  let closing = false;
  const stop = (): void => {
    if (closing) process.exit(1);
    closing = true;
    void service.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
}

async function run(definition: ServiceDefinition, role: Role, environment: Environment): Promise<void> {
  const settings = parseSettings(definition, environment);
  if (role === 'migrate' || role === 'all') {
    const applied = await migrateService(definition, settings);
    process.stdout.write(`${JSON.stringify({ level: 'info', service: definition.name, message: 'migrated', applied })}\n`);
  }
  if (role === 'migrate') return;
  closeOnSignals(await bootService(definition, role, settings, { strict: true }));
  // By itself Node keeps what it has compiled at the very end: as part of a stop's time, and not at all where a process is killed.
  module.flushCompileCache();
}

/** Entry of a service's `main.ts`: role from argv, settings from the environment, exit code 1 with one clear message on failure. */
export async function runMain(definition: ServiceDefinition, argv: readonly string[] = process.argv.slice(2), environment: Environment = processEnvironment()): Promise<void> {
  const [word = '', ...rest] = argv;
  if (word === '--help' || word === '-h') return void process.stdout.write(usage(definition));
  const role = ROLES.find((name) => name === word);
  if (role === undefined || rest.length > 0) {
    process.stderr.write(usage(definition));
    process.exitCode = 2;
    return;
  }
  try {
    assertNodeVersion();
    await run(definition, role, environment);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${error instanceof ConfigError ? '' : `${definition.name}: `}${text}\n`);
    process.exitCode = 1;
  }
}
