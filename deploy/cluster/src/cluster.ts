import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentOf, loadSecrets, peerVariable, SERVICE_NAMES, serviceDatabases, startChain, writeDevnet, type MakeDatabase, type Surroundings } from '@skein/all-in-one';
import { formatAddressBook } from '@skein/contracts-evm';
import { createDatabase, startPostgres, type EmbeddedPostgres } from '@skein/embedded';
import type { ServiceName } from '@skein/platform';
import { Balancer } from './balancer.js';
import { ClusterProcess, migrate } from './cluster-process.js';
import { embeddedLog, kafkaLog, type ClusterEventLog, type Report } from './event-log.js';
import { Front } from './front.js';
import { Guard } from './guard.js';
import { freeLayout, nameOf, type Layout } from './layout.js';
import type { ClusterOptions, Edge, EventLogKind, ProcessId, ProcessRole } from './options.js';
import { viaEdges } from './via.js';

/** 16 processes with a pool, a wake-up line and the embedded log's own connections each. */
const CONNECTIONS_MAX = 400;
/** Of the 10 s that a stop may take: calls and open streams, the services' processes, and what is left for what they stand on. */
const FRONT_DRAIN_MS = 3_000;
const SERVICES_DRAIN_MS = 4_000;
const SERVICES_STOP_MS_MAX = 5_800;

/** Skein as an operator runs it: PostgreSQL, event log, chain, and each service's API and workers as processes of their own. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly layout: Layout;
  readonly #guard = new Guard();
  readonly #routes = new Map<string, number>();
  readonly #balancers: Balancer[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #front: Front;
  #processes: readonly ClusterProcess[] = [];
  #around: Surroundings | undefined;
  #postgres: EmbeddedPostgres | undefined;
  #eventLog: ClusterEventLog | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(options: ClusterOptions, layout: Layout) {
    this.options = options;
    this.layout = layout;
    this.#front = new Front({ services: this.services, processes: (service) => this.processes.filter(({ id }) => id.service === service) });
  }

  /** Starts everything and waits until the whole is ready. What was started before a failure is stopped again. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options, await freeLayout(options));
    const giveUp = (): void => void Promise.all(cluster.#processes.map((one) => one.stop()));
    options.signal?.addEventListener('abort', giveUp);
    try {
      await cluster.#begin();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw options.signal?.aborted === true ? options.signal.reason : error;
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  /** The services that this cluster runs. */
  get services(): readonly ServiceName[] {
    return SERVICE_NAMES.filter((name) => this.options.services?.includes(name) ?? true);
  }

  /** All processes of services. */
  get processes(): readonly ClusterProcess[] {
    return this.#processes;
  }

  /** One process; throws for one that this cluster does not have. */
  process(service: ServiceName, role: ProcessRole, index = 0): ClusterProcess {
    const name = nameOf({ service, role, index });
    const found = this.#processes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`this cluster has no process ${name}; it has ${this.#processes.map((one) => one.name).join(', ')}`);
    return found;
  }

  /** `http://127.0.0.1:<port>` of the front port. */
  get frontUrl(): string {
    return `http://127.0.0.1:${this.layout.front}`;
  }

  /** What the services were told: databases, event log, chain, secrets. */
  get surroundings(): Surroundings {
    if (this.#around === undefined) throw new Error('the cluster has not started');
    return this.#around;
  }

  /** Owner's and application's URL of each service's database. */
  get databases(): Surroundings['databases'] {
    return this.surroundings.databases;
  }

  get eventLog(): ClusterEventLog {
    if (this.#eventLog === undefined) throw new Error('the cluster has not started');
    return this.#eventLog;
  }

  /** The embedded PostgreSQL; undefined where one's own is used. */
  get postgres(): EmbeddedPostgres | undefined {
    return this.#postgres;
  }

  /** Drains and stops everything; services first, then what they stand on. Repeated calls are one. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #begin(): Promise<void> {
    const { options, layout } = this;
    mkdirSync(options.data, { recursive: true });
    const secrets = loadSecrets(options.data, options.seed);
    keepKind(options.data, options.eventLog ?? 'kafka');
    const chain = startChain(options.data, layout.anvil, secrets.seed).then((devnet) => {
      this.#stops.push(() => devnet.anvil.stop());
      return devnet;
    });
    const [stores, devnet] = await settled([this.#stores(), chain] as const);
    const { anvil, book } = devnet;
    this.#around = { data: options.data, ports: layout, secrets, ...stores, rpcUrl: anvil.rpcUrl, chainId: anvil.chainId, addressBook: formatAddressBook(book), quiet: options.quiet ?? true };
    options.signal?.throwIfAborted();
    if (options.migrate !== false) await settled([this.eventLog.applyTopics(), ...this.services.map((name) => migrate(name, { ...environmentOf(name, this.surroundings), NODE_COMPILE_CACHE: join(options.data, 'compile-cache') }))]);
    options.signal?.throwIfAborted();
    await this.#runServices();
    writeDevnet(this.surroundings, layout.front);
    await this.#front.listen(layout.front);
  }

  /** PostgreSQL with its databases, and the event log. */
  async #stores(): Promise<{ databases: Surroundings['databases']; eventLogUrl: string }> {
    const report: Report = (error, where) => this.#say(`event log, ${where}: ${String(error)}`);
    const kafka = (this.options.eventLog ?? 'kafka') === 'kafka' ? this.#keep(kafkaLog(this.options, this.layout, report)) : undefined;
    const databases = this.#startPostgres().then((make) => settled([serviceDatabases(make), kafka ?? this.#keep(embeddedLog(make, report))] as const));
    const [[services], log] = await settled([databases, kafka] as const);
    return { databases: services, eventLogUrl: (log ?? this.eventLog).url };
  }

  async #keep(starting: Promise<ClusterEventLog>): Promise<ClusterEventLog> {
    const log = await starting;
    this.#eventLog = log;
    this.#stops.push(() => log.stop());
    return log;
  }

  async #startPostgres(): Promise<MakeDatabase> {
    const { databaseUrl, data, ephemeral } = this.options;
    if (databaseUrl !== undefined) return (name) => createDatabase(databaseUrl, name);
    const postgres = await startPostgres({ dataDir: join(data, 'postgres'), port: this.layout.postgres, maxConnections: CONNECTIONS_MAX, ephemeral: ephemeral ?? false });
    this.#postgres = postgres;
    this.#stops.push(() => postgres.stop());
    return postgres.createDatabase;
  }

  async #runServices(): Promise<void> {
    this.#processes = this.layout.processes.map(({ id, ports }) => new ClusterProcess(id, ports, {
      guard: this.#guard,
      launch: () => this.#launch(id),
      supervise: this.options.supervise ?? true,
      say: (line) => this.#say(line),
      output: (line) => this.options.output?.(id, line),
    }));
    for (const service of this.services) {
      const apis = this.#processes.filter(({ id }) => id.service === service && id.role !== 'worker');
      const behind = (surface: 'grpc' | 'internal') => apis.map((one) => ({ port: one.ports[surface], usable: () => one.usable }));
      this.#balancers.push(await Balancer.start(this.layout.grpc[service], behind('grpc')));
      this.#balancers.push(await Balancer.start(this.layout.internal[service], behind('internal')));
    }
    await settled(this.#processes.map(async (one) => {
      await one.start();
      await one.untilReady();
    }));
  }

  async #launch(id: ProcessId): Promise<{ env: Record<string, string>; nodeArgs: readonly string[] }> {
    const { ports } = this.layout.processes.find((planned) => planned.id === id) as Layout['processes'][number];
    const { MIGRATION_DATABASE_URL: owner, ...common } = environmentOf(id.service, this.surroundings);
    const peers = this.services.map((name): [string, ServiceName] => [peerVariable(name), name]);
    const via = (edge: Edge) => this.#via(edge);
    const env = {
      // What the first processes of a service have compiled is not compiled again by the next ones.
      NODE_COMPILE_CACHE: join(this.options.data, 'compile-cache'),
      ...(await viaEdges(id, common, peers, via)),
      DRAIN_MS: String(SERVICES_DRAIN_MS),
      HTTP_PORT: String(ports.http),
      GRPC_PORT: String(ports.grpc),
      INTERNAL_GRPC_PORT: String(ports.internal),
      // Only the role that migrates as well may be the owner.
      ...(id.role === 'all' ? { MIGRATION_DATABASE_URL: owner as string } : {}),
      ...this.options.env?.(id),
    };
    return { env, nodeArgs: this.options.nodeArgs?.(id) ?? [] };
  }

  /** The port that an edge goes through, asked for once: a restarted process keeps its proxies. */
  async #via(edge: Edge): Promise<number> {
    const key = `${nameOf(edge.from)} ${edge.to} ${edge.host}:${edge.port}`;
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const port = (await this.options.via?.(edge)) ?? edge.port;
    this.#routes.set(key, port);
    return port;
  }

  #say(line: string): void {
    this.options.say?.(line);
  }

  async #stop(): Promise<void> {
    const front = this.#front.stop(FRONT_DRAIN_MS);
    await Promise.all([front, ...this.#processes.map((one) => one.stop(SERVICES_STOP_MS_MAX))]);
    await Promise.all(this.#balancers.map((one) => one.stop()));
    const ended = await Promise.allSettled(this.#stops.map((stop) => stop()));
    this.#guard.dismiss();
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** Another event log than before would begin empty behind relays that have sent everything already: refused. */
function keepKind(data: string, kind: EventLogKind): void {
  const file = join(data, 'event-log.kind');
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  if (kept !== undefined && kept !== kind) throw new Error(`--event-log: ${data} was made with ${kept}; leave the other one to another --data`);
  writeFileSync(file, `${kind}\n`);
}

/** Like `Promise.all`, but waits for all before it throws: nothing is still starting while the rest is being stopped. */
async function settled<const T extends readonly unknown[]>(all: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const ended = await Promise.allSettled(all);
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ended.map((one) => (one as PromiseFulfilledResult<unknown>).value) as { -readonly [K in keyof T]: Awaited<T[K]> };
}
