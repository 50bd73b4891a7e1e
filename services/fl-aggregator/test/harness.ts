import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { freePort } from '@skein/embedded';
import { FederatedTaskService, FederationNodeService } from '@skein/contracts/federation';
import { PositionChangedSchema } from '@skein/contracts/staking';
import { DeterministicRandom, formatWallet, sha256Hex, unwrap, uuidV8From } from '@skein/kernel';
import { eventLogMigrations, loadTopics, EmbeddedEventLog } from '@skein/messaging';
import { parseCsv, perceptronOnnx, pimaSchema, selectRows, stratifiedSplit, writeCsv } from '@skein/models';
import type { Dataset } from '@skein/models';
import { bootService, migrationsOf, parseSettings } from '@skein/platform';
import type { RunningService } from '@skein/platform';
import { createClient, signSession } from '@skein/sdk';
import type { Client } from '@skein/sdk';
import { eventually, freshDatabase } from '@skein/testing';
import type { TestDatabase } from '@skein/testing';
import { privateKeyToAccount } from 'viem/accounts';
import { flAggregatorService } from '../src/fl-aggregator.service.js';

const OPERATOR_TOKEN = 'op_0123456789abcdef0123456789abcdef';
const SERVICE_TOKEN_SECRET = 'a service token secret of the tests only';
const DOMAIN = 'skein.test';
const CHAIN_ID = 31_337;
export const UNIT = 10n ** 18n;

/** A party with a wallet and its session. */
export interface Actor {
  readonly wallet: string;
  readonly authorization: string;
}

/** Clients of one caller. */
export interface Clients {
  readonly tasks: Client<typeof FederatedTaskService>;
  readonly nodes: Client<typeof FederationNodeService>;
}

/** The service on embedded parts, as outside clients see it. */
export interface PlayGround {
  readonly log: EmbeddedEventLog;
  readonly operator: string;
  clients(authorization: string): Clients;
  rest(method: string, path: string, options?: { authorization?: string; body?: object | Uint8Array; key?: string }): Promise<{ status: number; json: Record<string, unknown>; bytes: Uint8Array }>;
  stake(wallet: string, task: string, units: bigint, version?: bigint): Promise<void>;
  close(): Promise<void>;
}

/** The service in this process. */
export interface Stage extends PlayGround {
  readonly service: RunningService;
  /** A service that has begun again on the same data: everything after it goes there. */
  restart(): Promise<void>;
}

/** The service as a process of its own. */
export interface ProcessStage extends PlayGround {
  /** Kill -9, and a new process on the same data. */
  kill(): Promise<void>;
}

/** A wallet made from a word, signed in for an hour. */
export async function actor(name: string, scopes: readonly string[] = ['federation.participate', 'federation.propose']): Promise<Actor> {
  const account = privateKeyToAccount(`0x${sha256Hex(`test/${name}`)}`);
  const issuedAtMs = Date.now();
  const token = await signSession({
    account, chainId: CHAIN_ID, domain: DOMAIN, scopes, nonce: sha256Hex(name).slice(0, 16), issuedAtMs, expiresAtMs: issuedAtMs + 3_600_000,
  });
  return { wallet: formatWallet({ chainId: CHAIN_ID, address: account.address }), authorization: `Bearer ${token}` };
}

function environment(database: TestDatabase, artifactsDir: string, grpcPort: number): Record<string, string> {
  return {
    DATABASE_URL: database.appUrl, MIGRATION_DATABASE_URL: database.ownerUrl, SERVICE_TOKEN_SECRET, OPERATOR_TOKEN_SHA256: sha256Hex(OPERATOR_TOKEN),
    HTTP_PORT: '0', GRPC_PORT: String(grpcPort), INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', SIGN_IN_DOMAIN: DOMAIN, ARTIFACTS_DIR: artifactsDir,
    BEACON_SEED: 'test',
  };
}

/** Fresh databases, the log and a folder; `ports` are asked for at each call, because a service may begin again elsewhere. */
async function ground(ports: () => { grpc: number; http: number }) {
  const database = await freshDatabase(...migrationsOf(flAggregatorService));
  const logDatabase = await freshDatabase(eventLogMigrations);
  const log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  const artifactsDir = mkdtempSync(join(tmpdir(), 'skein-federation-'));
  const open: { close(): void }[] = [];
  const keep = <C extends { close(): void }>(client: C): C => {
    open.push(client);
    return client;
  };
  const playGround: PlayGround = {
    log,
    operator: `Bearer ${OPERATOR_TOKEN}`,
    clients: (authorization) => {
      const channel = { address: `127.0.0.1:${ports().grpc}`, headers: () => ({ authorization }) };
      return { tasks: keep(createClient(FederatedTaskService, channel)), nodes: keep(createClient(FederationNodeService, channel)) };
    },
    rest: (method, path, options = {}) => rest(`http://127.0.0.1:${ports().http}${path}`, method, options),
    stake: (wallet, task, units, version = 1n) => sendStake(log, wallet, task, units, version),
    close: async () => {
      for (const client of open) client.close();
      await log.close();
      await Promise.all([database.drop(), logDatabase.drop()]);
      rmSync(artifactsDir, { recursive: true, force: true });
    },
  };
  return { playGround, database, logDatabase, artifactsDir };
}

/** Boots the service with its workers in this process. */
export async function stage(): Promise<Stage> {
  // The same port after a restart: nodes come back to the address that they know.
  const grpc = await freePort();
  let service: RunningService | undefined;
  const { playGround, database, artifactsDir } = await ground(() => ({ grpc, http: service!.http.port! }));
  const settings = parseSettings(flAggregatorService, environment(database, artifactsDir, grpc));
  const boot = (): Promise<RunningService> => bootService(flAggregatorService, 'all', settings, { log: playGround.log, drainMs: 200 });
  service = await boot();
  return {
    ...playGround,
    get service() {
      return service!;
    },
    restart: async () => {
      await service!.close();
      service = await boot();
    },
    close: async () => {
      await service!.close();
      await playGround.close();
    },
  };
}

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Starts the built service as a process. */
export async function processStage(): Promise<ProcessStage> {
  const [grpc, http] = [await freePort(), await freePort()];
  const { playGround, database, logDatabase, artifactsDir } = await ground(() => ({ grpc, http }));
  const env = { ...environment(database, artifactsDir, grpc), HTTP_PORT: String(http), EVENT_LOG_URL: logDatabase.appUrl };
  let child: ChildProcess | undefined;
  let said = '';
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, ['--enable-source-maps', MAIN, 'all'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4_000)));
    await eventually(async () => {
      if (started.exitCode !== null) throw new Error(`the service ended: ${said}`);
      const { status } = await playGround.rest('GET', '/health/ready');
      if (status !== 200) throw new Error(`not ready: ${status} ${said}`);
    }, { timeoutMs: 60_000, everyMs: 50 });
  };
  const end = async (): Promise<void> => {
    const ended = once(child!, 'exit');
    child!.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    ...playGround,
    kill: async () => {
      await end();
      await start();
    },
    close: async () => {
      await end();
      await playGround.close();
    },
  };
}

async function rest(url: string, method: string, options: { authorization?: string; body?: object | Uint8Array; key?: string }) {
  const raw = options.body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: {
      ...(options.authorization ? { authorization: options.authorization } : {}),
      ...(options.key ? { 'idempotency-key': options.key } : {}),
      ...(options.body ? { 'content-type': raw ? 'application/octet-stream' : 'application/json' } : {}),
    },
    ...(options.body ? { body: raw ? (options.body as Uint8Array<ArrayBuffer>) : JSON.stringify(options.body) } : {}),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, bytes, json: isJson ? (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>) : {} };
}

async function sendStake(log: EmbeddedEventLog, wallet: string, task: string, units: bigint, version: bigint): Promise<void> {
  const id = uuidV8From('stake', wallet, task, version);
  const stakes = [{ task: `tasks/${task.slice(task.lastIndexOf('/') + 1)}`, role: 'participant', units: units.toString() }];
  const value = toBinary(PositionChangedSchema, create(PositionChangedSchema, { wallet, version, asOf: { number: version, hash: `0x${'b'.repeat(64)}` }, stakes }));
  const type = 'skein.staking.position.changed.v1';
  const headers = { ce_specversion: '1.0', ce_id: id, ce_type: type, ce_source: '/skein/staking/position/v1', ce_subject: wallet, ce_streamversion: version.toString(), ce_position: '1', ce_correlationid: id };
  await log.send([{ topic: 'staking.position.v1', key: wallet, id, type, timeMs: 1_700_000_000_000, value, headers }]);
}

/** Pima rows cut for six nodes, the public rows and the rest. */
export interface Rows {
  readonly nodes: readonly Dataset[];
  readonly publicRows: Dataset;
  readonly test: Dataset;
  readonly publicCsv: Uint8Array;
}

/** Equal parts of 60 rows each: this test is about the protocol; what is learned is the bench's business. */
export function rowsFor(nodes: number): Rows {
  const file = new URL('../../../scripts/data/pima-diabetes.csv', import.meta.url);
  const dataset = unwrap(parseCsv(readFileSync(file), pimaSchema));
  const parts = stratifiedSplit(dataset, [40, ...Array.from({ length: nodes }, () => 60)], new DeterministicRandom(new Uint8Array(32)));
  const [publicRows, ...own] = parts.map((rows) => selectRows(dataset, rows)) as [Dataset, ...Dataset[]];
  return { publicRows, nodes: own.slice(0, nodes), test: own[nodes]!, publicCsv: writeCsv(publicRows, pimaSchema.label) };
}

/** A logistic regression from zeros with the public rows' moments. */
export function forwardModel({ mean, scale }: { mean: ArrayLike<number>; scale: ArrayLike<number> }, weights: ArrayLike<number> = new Array<number>(8).fill(0)): Uint8Array {
  return perceptronOnnx({ layers: [{ inputs: 8, outputs: 1, weights, bias: [0] }], output: 'sigmoid', standardise: { mean, scale } });
}
