import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { formatAddressBook } from '@skein/contracts-evm';
import { bootService, migrateService, type Logger, type RunningService, type ServiceName } from '@skein/platform';
import { startChain, type Devnet } from './chain.js';
import { startDatabases, type Databases } from './databases.js';
import { writeDevnet } from './devnet-file.js';
import type { Surroundings } from './environment.js';
import { startFront } from './front.js';
import type { Options } from './options.js';
import { assertPortsFree, portsFrom, SERVICE_NAMES, type Ports } from './ports.js';
import { loadSecrets, type Secrets } from './secrets.js';
import { definitions } from './services.js';
import { settingsOf } from './settings.js';

/** Open calls get this long at a stop; the streams of nodes would else take all of the 10 s that a Ctrl-C may. */
const DRAIN_MS = 3_000;

/** All of Skein in this process. */
export class AllInOne {
  readonly ports: Ports;
  private readonly running = new Map<ServiceName, RunningService>();
  private readonly around: Surroundings;
  private readonly databases: Databases;
  private readonly chain: Devnet;
  private readonly logger: Logger;
  private front: Server | undefined;

  private constructor(ports: Ports, around: Surroundings, databases: Databases, chain: Devnet, logger: Logger) {
    this.ports = ports;
    this.around = around;
    this.databases = databases;
    this.chain = chain;
    this.logger = logger;
  }

  /** Starts everything. What was started before a failure is stopped again. */
  static async start(options: Options, logger: Logger): Promise<AllInOne> {
    const ports = portsFrom(options.portBase);
    await assertPortsFree(ports);
    mkdirSync(options.data, { recursive: true });
    const secrets = loadSecrets(options.data, options.seed);
    const [database, chain] = await Promise.allSettled([startDatabases(options.data, ports.postgres, (error, where) => logger.error({ err: error, where }, 'event log')), startChain(options.data, ports.anvil, secrets.seed)]);
    if (database.status === 'rejected' || chain.status === 'rejected') {
      if (database.status === 'fulfilled') await stopDatabases(database.value);
      if (chain.status === 'fulfilled') await chain.value.anvil.stop();
      throw database.status === 'rejected' ? database.reason : (chain as PromiseRejectedResult).reason;
    }
    const skein = new AllInOne(ports, surroundings(options, ports, secrets, database.value, chain.value), database.value, chain.value, logger);
    try {
      await Promise.all(definitions.map(({ name }) => skein.open(name)));
      writeDevnet(skein.around, ports.front);
      skein.front = await startFront(ports.front, definitions.map(({ name }) => name), (name) => skein.running.get(name));
      return skein;
    } catch (error) {
      await skein.stop();
      throw error;
    }
  }

  /** A service that runs; throws when it is closed. */
  service(name: ServiceName): RunningService {
    const service = this.running.get(name);
    if (service === undefined) throw new Error(`${name} is closed`);
    return service;
  }

  /** Migrates and starts one service. */
  async open(name: ServiceName): Promise<void> {
    const definition = definitions.find((one) => one.name === name);
    if (definition === undefined) throw new Error(`no service is called ${name}`);
    const settings = settingsOf(definition, this.around);
    await migrateService(definition, settings);
    this.running.set(name, await bootService(definition, 'all', settings, { log: this.databases.log, logger: this.logger, frontPort: true, drainMs: DRAIN_MS }));
  }

  /** Closes one service; the others go on without it. */
  async close(name: ServiceName): Promise<void> {
    const service = this.running.get(name);
    this.running.delete(name);
    await service?.close();
  }

  /** Drains and stops everything; services first, then what they stand on. */
  async stop(): Promise<void> {
    const front = this.front;
    const closed = front === undefined ? Promise.resolve() : new Promise<void>((resolve) => front.close(() => resolve()));
    front?.closeIdleConnections();
    await Promise.all(SERVICE_NAMES.map((name) => this.close(name)));
    front?.closeAllConnections();
    await closed;
    await Promise.all([stopDatabases(this.databases), this.chain.anvil.stop()]);
  }
}

async function stopDatabases({ log, postgres }: Databases): Promise<void> {
  await log.close();
  await postgres.stop();
}

const surroundings = (options: Options, ports: Ports, secrets: Secrets, databases: Databases, chain: Devnet): Surroundings => ({
  data: options.data,
  ports,
  secrets,
  databases: databases.services,
  eventLogUrl: databases.logUrl,
  rpcUrl: chain.anvil.rpcUrl,
  chainId: chain.anvil.chainId,
  addressBook: formatAddressBook(chain.book),
  quiet: options.quiet,
});
