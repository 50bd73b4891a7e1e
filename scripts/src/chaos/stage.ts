import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Cluster, type ClusterOptions, type ProcessId } from '@skein/cluster';
import { startPostgres, type EmbeddedPostgres } from '@skein/embedded';
import pg from 'pg';
import type { Devnet } from '../process/skein-process.js';
import type { Arming } from './arming.js';
import { Broker } from './broker.js';
import { readHits, type Hits } from './hits.js';
import { age } from './old-rows.js';
import { dismiss, endow, peopleOf } from './people.js';

const ARM = fileURLToPath(new URL('./arm.js', import.meta.url));
const SEED = 'chaos';
const CONNECTIONS_MAX = 400;
/** What of a data folder is the same at the beginning of every run. */
const KEPT = ['chain.json', 'address-book.json', 'secrets.json'];
const ONE_EACH = { arena: 1, validation: 1, 'fl-aggregator': 1, 'staking-indexer': 1, marketplace: 1, billing: 1 } as const;
/** Instances that compete for leases, jobs and timers, of the two services with most to do. */
export const TWO_OF_SOME = { ...ONE_EACH, arena: 2, billing: 2 } as const;
/** Six services' databases, and the embedded event log's. */
const DATABASES = ['arena', 'validation', 'fl_aggregator', 'staking_indexer', 'marketplace', 'billing', 'event_log'];
/** A call whose process died is taken over after so long; closed streams are archived while everything else goes on. */
const HASTE = { CALL_LEASE_MS: '2000', HOUSEKEEPING_MS: '1000', ARCHIVE_AFTER_DAYS: '0' };

/** An operator's way: the API and the workers of each service apart, two instances of the two services with most to do. */
const APART = { roles: 'split', instances: TWO_OF_SOME } as const;
const TOGETHER = { roles: 'all', instances: ONE_EACH } as const;

/** `arena/all/0` as a file's name. */
const fileOf = ({ service, role, index }: ProcessId): string => `${service}-${role}-${index}`;

/** How one run is different from the undisturbed one. */
export interface RunOptions {
  /** What a process is told beside its hits file, at its start. */
  readonly arming?: (id: ProcessId) => Omit<Arming, 'hits' | 'killed'>;
  readonly cluster?: Partial<ClusterOptions>;
}

/** One running cluster on copies of the template. */
export interface Run {
  readonly cluster: Cluster;
  readonly devnet: Devnet;
  readonly folder: string;
  hits(id: ProcessId): Hits;
  /** Adds a line to the output. */
  say(line: string): void;
  /** The last lines of the processes' output, for a report. */
  output(): readonly string[];
  end(): Promise<void>;
}

const OUTPUT_KEPT = 400;

/** How the runs of a stage are cast. */
export interface StageOptions {
  /** PostgreSQL's data, where the stage's own folder will not do. */
  readonly dataDir?: string;
  /** API and workers are processes of their own, with two instances of arena and billing; else each service is one process. */
  readonly apart?: boolean;
  /** Every run begins with nothing and with secrets that follow from this text; else with the state of a template. */
  readonly empty?: string;
  /** Default: embedded. */
  readonly eventLog?: 'kafka' | 'embedded';
}

/** PostgreSQL that outlives the runs, and the state that every run begins with. */
export class Stage {
  readonly folder: string;
  readonly options: StageOptions;
  readonly #dataDir: string;
  readonly #portBase: number;
  #broker: Promise<Broker> | undefined;
  #postgres: EmbeddedPostgres;
  readonly #template: string;
  #runs = 0;

  private constructor(folder: string, dataDir: string, portBase: number, postgres: EmbeddedPostgres, options: StageOptions) {
    this.options = options;
    this.folder = folder;
    this.#dataDir = dataDir;
    this.#portBase = portBase;
    this.#postgres = postgres;
    this.#template = join(folder, 'template');
  }

  /** Starts PostgreSQL and, for a template, lets a cluster migrate everything and see the locked FLOCK. */
  static async open(portBase: number, options: StageOptions = {}): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-chaos-'));
    const data = options.dataDir ?? join(folder, 'postgres');
    const stage = new Stage(folder, data, portBase, await startPostgres({ dataDir: data, maxConnections: CONNECTIONS_MAX }), options);
    try {
      await stage.#withoutFlushing();
      if (options.empty === undefined) await stage.#prepare(portBase);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get postgres(): EmbeddedPostgres {
    return this.#postgres;
  }

  get adminUrl(): string {
    return this.#postgres.adminUrl;
  }

  /** The Kafka broker of all runs, started when it is first asked for. */
  broker(): Promise<Broker> {
    return (this.#broker ??= Broker.start(this.folder, this.#portBase));
  }

  /** Starts PostgreSQL again on its data and its port, after a kill or a stop. */
  async restartPostgres(): Promise<void> {
    const { port } = this.#postgres;
    this.#postgres = await startPostgres({ dataDir: this.#dataDir, port, maxConnections: CONNECTIONS_MAX });
  }

  /** Starts PostgreSQL again where it has given up. */
  async revivePostgres(): Promise<void> {
    const gone = await Promise.race([this.#postgres.exited.then(() => true), wait(500, false)]);
    if (gone) await this.restartPostgres();
  }

  /** Starts a cluster on what a run begins with. */
  async begin(portBase: number, options: RunOptions = {}): Promise<Run> {
    this.#runs += 1;
    const folder = join(this.folder, `run-${this.#runs}`);
    mkdirSync(folder, { recursive: true });
    const { empty, apart } = this.options;
    const eventLog = options.cluster?.eventLog ?? this.options.eventLog ?? 'embedded';
    const broker = eventLog === 'kafka' ? await this.broker() : undefined;
    await Promise.all([empty === undefined ? this.#fromTemplate(folder, eventLog) : this.#dropDatabases(), broker?.renew()]);
    const output: string[] = [];
    const hear = (id: ProcessId, line: string): void => {
      output.push(`${fileOf(id)} ${line}`);
      if (output.length > 2 * OUTPUT_KEPT) output.splice(0, OUTPUT_KEPT);
    };
    const hitsOf = (id: ProcessId): string => join(folder, `${fileOf(id)}.hits`);
    const arming = (id: ProcessId): Arming => ({ ...options.arming?.(id), hits: hitsOf(id), killed: join(folder, `${id.service}-${id.role}.killed`) });
    const cluster = await Cluster.start({
      data: folder, portBase, eventLog, databaseUrl: this.adminUrl, ...(empty === undefined ? { migrate: false } : { seed: empty }), ...(apart === true ? APART : TOGETHER),
      say: (line) => output.push(line), output: hear, ...(broker === undefined ? {} : { kafkaBrokers: broker.address }),
      ...options.cluster,
      env: (id) => ({ ...HASTE, NODE_COMPILE_CACHE: join(this.folder, 'compiled'), SKEIN_CHAOS: JSON.stringify(arming(id)), ...options.cluster?.env?.(id) }),
      nodeArgs: () => [`--import=${ARM}`],
    });
    const devnet = JSON.parse(readFileSync(join(folder, 'devnet.json'), 'utf8')) as Devnet;
    if (empty === undefined) await age(cluster.databases);
    const end = async (): Promise<void> => {
      const stopped = cluster.stop();
      // What is there is judged by now; a drain would only take time.
      for (const one of cluster.processes) one.kill();
      await stopped;
      rmSync(folder, { recursive: true, force: true });
    };
    return { cluster, devnet, folder, say: (line) => void output.push(line), hits: (id) => readHits(hitsOf(id)), output: () => output.slice(-OUTPUT_KEPT), end };
  }

  async close(): Promise<void> {
    await Promise.all([this.#postgres.stop(), this.#broker?.then((broker) => broker.stop(), () => undefined)]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What kill -9 of the server must not lose is what it has written, and the system keeps that. */
  async #withoutFlushing(): Promise<void> {
    await this.#asAdmin(async (client) => {
      await client.query('ALTER SYSTEM SET fsync = off');
      await client.query('ALTER SYSTEM SET full_page_writes = off');
      await client.query('SELECT pg_reload_conf()');
    });
  }

  async #prepare(portBase: number): Promise<void> {
    const cluster = await Cluster.start({ data: this.#template, seed: SEED, portBase, eventLog: 'embedded', databaseUrl: this.adminUrl, ...TOGETHER, env: () => ({ NODE_COMPILE_CACHE: join(this.folder, 'compiled') }) });
    try {
      const devnet = JSON.parse(readFileSync(join(this.#template, 'devnet.json'), 'utf8')) as Devnet;
      const people = await peopleOf(devnet);
      await endow(devnet, people);
      dismiss(people);
    } finally {
      await cluster.stop();
    }
    while (!existsSync(join(this.#template, 'chain.json'))) await wait(20);
    await this.#copyDatabases('', 'template_');
  }

  async #fromTemplate(folder: string, eventLog: 'kafka' | 'embedded'): Promise<void> {
    for (const name of KEPT) cpSync(join(this.#template, name), join(folder, name));
    await this.#copyDatabases('template_', '');
    if (eventLog === 'kafka') await this.#resend();
  }

  async #dropDatabases(): Promise<void> {
    await this.#asAdmin(async (client) => {
      for (const name of DATABASES) await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    });
  }

  /** `CREATE DATABASE <to><name> TEMPLATE <from><name>`; whoever is still connected is put out. */
  async #copyDatabases(from: string, to: string): Promise<void> {
    await this.#asAdmin(async (client) => {
      for (const name of DATABASES) {
        await client.query(`DROP DATABASE IF EXISTS "${to}${name}" WITH (FORCE)`);
        await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [`${from}${name}`]);
        await client.query(`CREATE DATABASE "${to}${name}" OWNER "${name}_owner" TEMPLATE "${from}${name}" STRATEGY wal_log`);
        await client.query(`REVOKE ALL ON DATABASE "${to}${name}" FROM PUBLIC; GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "${to}${name}" TO "${name}_app"`);
      }
    });
  }

  /** The relays begin at the beginning: an event log that is empty gets what the template's had. */
  async #resend(): Promise<void> {
    for (const name of DATABASES.filter((one) => one !== 'event_log')) await this.#asAdmin(async (client) => void (await client.query(`UPDATE es_subscription SET position = 0 WHERE name LIKE 'publication-%'`)), name);
  }

  async #asAdmin(work: (client: pg.Client) => Promise<void>, database = 'postgres'): Promise<void> {
    const url = new URL(this.adminUrl);
    url.pathname = `/${database}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }
}
