import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainClient, deployAll, devAccount, formatAddressBook, fundGas } from '@skein/contracts-evm';
import { freePort, startAnvil, type Anvil } from '@skein/embedded';
import { eventLogMigrations, loadTopics, sharedEventLog } from '@skein/messaging';
import type { ServiceName } from '@skein/platform';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTEXTS } from '../src/paths.js';
import { SERVICE_NAMES } from '../src/ports.js';
import { sha256Hex } from '../src/secrets.js';
import { assertBuilt, ServiceProcess } from './support/service-process.js';

const SECRET = 'a secret between services, long enough';
const STOP_MS_MAX = 10_000;
const contextOf = (name: ServiceName): string => Object.entries(CONTEXTS).find(([, service]) => service === name)![0];

let folder: string;
let log: TestDatabase;
let chain: Anvil;
let addressBook: string;
const databases: TestDatabase[] = [];
const processes: ServiceProcess[] = [];

function started(name: ServiceName, role: string, environment: Readonly<Record<string, string>>): ServiceProcess {
  const made = new ServiceProcess(name, role, environment);
  processes.push(made);
  return made;
}

beforeAll(async () => {
  assertBuilt(SERVICE_NAMES);
  folder = mkdtempSync(join(tmpdir(), 'skein standalone-'));
  log = await freshDatabase(eventLogMigrations);
  databases.push(log);
  const topics = sharedEventLog({ url: log.appUrl });
  await topics.createTopics(await loadTopics());
  await topics.close();
  chain = await startAnvil({ blockTimeSeconds: 1 });
  const client = chainClient(chain, devAccount('standalone', 'deployer'));
  await fundGas(chain, [client.address]);
  addressBook = formatAddressBook(await deployAll(client));
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  await Promise.all(databases.map((one) => one.drop()));
  await chain?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What one service alone is told: its own database, free ports, addresses of peers that are not there. */
async function environmentOf(name: ServiceName): Promise<Record<string, string>> {
  const database = await freshDatabase();
  databases.push(database);
  const nobody = `127.0.0.1:${await freePort()}`;
  return {
    DATABASE_URL: database.appUrl,
    MIGRATION_DATABASE_URL: database.ownerUrl,
    EVENT_LOG_URL: log.appUrl,
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    INTERNAL_GRPC_PORT: '0',
    ARTIFACTS_DIR: join(folder, name),
    OPERATOR_TOKEN_SHA256: sha256Hex('op_standalone'),
    SERVICE_TOKEN_SECRET: SECRET,
    BEACON_SEED: 'standalone',
    CHAIN_RPC_URL: chain.rpcUrl,
    CHAIN_ID: String(chain.chainId),
    CHAIN_CONTRACTS: addressBook,
    DATABASE_POOL_MAX: '3',
    ...Object.fromEntries(SERVICE_NAMES.filter((peer) => peer !== name).map((peer) => [`PEERS_${peer.toUpperCase().replaceAll('-', '_')}`, nobody])),
  };
}

describe.concurrent.each(SERVICE_NAMES)('%s alone', (name) => {
  test('migrates, serves health, metrics and its API, and ends on SIGTERM', async () => {
    const environment = await environmentOf(name);
    const migrated = started(name, 'migrate', environment);
    expect([await migrated.ended, migrated.output]).toEqual([0, expect.stringContaining('0001_event_store.sql')]);

    const compiled = join(folder, 'compiled', name);
    const service = started(name, 'all', { ...environment, NODE_COMPILE_CACHE: compiled });
    const url = `http://127.0.0.1:${await service.httpPort()}`;
    expect(service.output).toContain('"applied":[]');
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    await eventually(async () => expect((await fetch(`${url}/health/ready`)).status).toBe(200), { timeoutMs: 20_000, everyMs: 50 });
    const metrics = await fetch(`${url}/metrics`);
    expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringMatching(new RegExp(`^metrics_failed\\{service_name="${name}"\\} 0$`, 'm'))]);
    const document = (await (await fetch(`${url}/${contextOf(name)}/openapi.json`)).json()) as { openapi: string };
    expect(document.openapi).toMatch(/^3\.1/);

    // Before it is asked to end, which shall not wait for that.
    await eventually(() => expect(readdirSync(compiled, { recursive: true }).length).toBeGreaterThan(100), { timeoutMs: 20_000 });

    const before = performance.now();
    service.child.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(performance.now() - before).toBeLessThan(STOP_MS_MAX);
    for (const secret of [SECRET, new URL(environment['DATABASE_URL'] as string).password, new URL(log.appUrl).password]) expect(service.output).not.toContain(secret);
  });

  test('a wrong configuration is told whole and at once, and no secret with it', async () => {
    const wrong = { DATABASE_URL: 'mysql://user:hunter2-database@nowhere/x', EVENT_LOG_URL: 'hunter2-log', SERVICE_TOKEN_SECRET: 'hunter2-token', OPERATOR_TOKEN_SHA256: 'hunter2-operator', HTTP_PORT: '70000', GRPC_PORT: 'x', LOG_LEVEL: 'loud', PEERS_ARENA: 'hunter2-peer' };
    const service = started(name, 'all', wrong);
    expect(await service.ended).toBe(1);
    expect(service.output).toContain(`configuration of ${name}:`);
    for (const setting of Object.keys(wrong)) expect(service.output).toMatch(new RegExp(`^ {2}${setting}: `, 'm'));
    expect(service.output).not.toContain('hunter2');
  });
});

test('settings of a service\'s own are checked with the others', async () => {
  const cases: [ServiceName, Record<string, string>][] = [
    ['staking-indexer', { CHAIN_RPC_URL: 'ftp://x', CHAIN_CONTRACTS: '{"hunter2":1}', CHAIN_POLL_MS: '1' }],
    ['billing', { API_KEY_SECRET: 'hunter2', PLATFORM_FEE_BPS: '10001' }],
    ['marketplace', { COMPUTE_PROVIDER: 'hunter2', CALL_LEASE_MS: '0' }],
    ['validation', { RUNNER_FRESH_MAX: '0', RUNNER_MEMORY_MIB_MAX: 'x' }],
  ];
  await Promise.all(
    cases.map(async ([name, own]) => {
      const service = started(name, 'api', own);
      expect(await service.ended).toBe(1);
      for (const setting of ['DATABASE_URL', 'SERVICE_TOKEN_SECRET', ...Object.keys(own)]) expect(service.output).toMatch(new RegExp(`^ {2}${setting}: `, 'm'));
      expect(service.output).not.toContain('hunter2');
    }),
  );
});
