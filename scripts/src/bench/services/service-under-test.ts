import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EmbeddedPostgres } from '@skein/embedded';
import { migrate } from '@skein/events';
import { eventLogMigrations, loadTopics, sharedEventLog } from '@skein/messaging';
import { restCall, signSession } from '@skein/sdk';
import { privateKeyToAccount } from 'viem/accounts';
import pg from 'pg';
import type { LoadOrder, LoadOutcome, LoadTarget } from './load.js';
import { hottest, type CpuProfile, type HotFunction } from './profile.js';

const mainOf = (service: string): string => fileURLToPath(new URL(`../../../../services/${service}/dist/main.js`, import.meta.url));
const LOAD = fileURLToPath(new URL('load-main.js', import.meta.url));
const DOMAIN = 'bench.localhost';
const DAY_MS = 24 * 3_600_000;
/** At rest: less than this share of a core between two looks. */
const REST_SHARE = 0.2;
const REST_LOOK_MS = 250;
const REST_MS_MAX = 10_000;

/** Databases of a service and of the event log, ready for it. */
export interface Databases {
  readonly service: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Makes both databases; the service migrates its own. */
export async function makeDatabases(server: EmbeddedPostgres, service = 'billing'): Promise<Databases> {
  const [own, log] = [await server.createDatabase(`bench_${service.replaceAll('-', '_')}`), await server.createDatabase('bench_log')];
  const pool = new pg.Pool({ connectionString: log.ownerUrl, max: 1 });
  await migrate(pool, [eventLogMigrations], { appRole: decodeURIComponent(new URL(log.appUrl).username) });
  await pool.end();
  const events = sharedEventLog({ url: log.appUrl });
  await events.createTopics(await loadTopics());
  await events.close();
  return {
    service,
    environment: {
      DATABASE_URL: own.appUrl, MIGRATION_DATABASE_URL: own.ownerUrl, EVENT_LOG_URL: log.appUrl, SERVICE_TOKEN_SECRET: randomUUID(),
      HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', SIGN_IN_DOMAIN: DOMAIN, LOG_LEVEL: 'info',
    },
  };
}

/** A service in a process of its own: API and workers, as one instance of it runs. */
export class ServiceUnderTest {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #profiles: string;

  private constructor(url: string, child: ChildProcess, ended: Promise<void>, profiles: string) {
    this.url = url;
    this.#child = child;
    this.#ended = ended;
    this.#profiles = profiles;
  }

  static async start({ service, environment }: Databases, options: { profiled?: boolean; settings?: Readonly<Record<string, string>> } = {}): Promise<ServiceUnderTest> {
    const profiles = await mkdtemp(join(tmpdir(), 'skein-bench-profile-'));
    const flags = options.profiled === true ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=500'] : [];
    const child = spawn(process.execPath, [...flags, mainOf(service), 'all'], { env: { PATH: process.env['PATH'] ?? '', ...environment, ...options.settings }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const url = await Promise.race([portOf(child), ended.then(() => Promise.reject(new Error('the service ended before it was ready')))]);
    // Its log lines are read and thrown away: writing them is part of the work.
    child.stdout?.resume();
    for (let ready = false; !ready; await wait(50)) ready = await fetch(`${url}/health/ready`).then(({ ok }) => ok, () => false);
    return new ServiceUnderTest(url, child, ended, profiles);
  }

  /** Resident memory, MiB. */
  async memoryMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  }

  /** Processor time used so far, seconds. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8');
    const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(user) + Number(system)) / 100;
  }

  /** Waits until it has caught up with what it was asked: hardly busy for a while. How long that took, seconds. */
  async rest(): Promise<number> {
    const fromMs = performance.now();
    for (let before = await this.cpuSeconds(); performance.now() - fromMs < REST_MS_MAX; ) {
      await wait(REST_LOOK_MS);
      const now = await this.cpuSeconds();
      if ((now - before) * 1_000 < REST_LOOK_MS * REST_SHARE) break;
      before = now;
    }
    return (performance.now() - fromMs) / 1_000;
  }

  /** Stops it; where it was profiled, its hottest functions between two moments. */
  async stop(window?: readonly [number, number]): Promise<readonly HotFunction[]> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    const [file] = await readdir(this.#profiles);
    const hot = file === undefined ? [] : hottest(JSON.parse(await readFile(join(this.#profiles, file), 'utf8')) as CpuProfile, window);
    await rm(this.#profiles, { recursive: true, force: true });
    return hot;
  }
}

function portOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let out = '';
    const read = (chunk: Buffer): void => {
      out += chunk.toString();
      const port = /"http":(\d+)/.exec(out)?.[1];
      if (port === undefined) return;
      child.stdout?.off('data', read);
      resolve(`http://127.0.0.1:${port}`);
    };
    child.stdout?.on('data', read);
  });
}

/** Customers of `wallets` wallets, `each` of every one, and the command that buys credit for each. */
export async function makeTargets(url: string, wallets: number, each: number): Promise<LoadTarget[]> {
  const targets: LoadTarget[] = [];
  for (let wallet = 0; wallet < wallets; wallet += 1) {
    const account = privateKeyToAccount(`0x${String(wallet + 1).padStart(64, '0')}`);
    const issuedAtMs = Date.now();
    const token = await signSession({ account, chainId: 31_337, domain: DOMAIN, scopes: ['billing.manage', 'billing.read'], nonce: 'bench12345678', issuedAtMs, expiresAtMs: issuedAtMs + DAY_MS });
    const authorization = `Bearer ${token}`;
    for (let one = 0; one < each; one += 1) {
      const { customer } = await restCall<{ customer: { name: string } }>({ baseUrl: url, headers: () => ({ authorization }) }, 'POST', '/billing/v1/customers', { requestId: randomUUID(), displayName: `customer ${wallet}/${one}` });
      targets.push({ path: `/billing/v1/${customer.name}:buyCredit`, authorization, body: JSON.stringify({ amount: { asset: 'USD', units: '1000000' }, paymentMethod: 'test-card' }) });
    }
  }
  return targets;
}

/** Has the generator's own process carry out one order. */
export async function offer(order: LoadOrder): Promise<LoadOutcome> {
  const child = spawn(process.execPath, [LOAD], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stdin.end(JSON.stringify(order));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(out) as LoadOutcome;
}
