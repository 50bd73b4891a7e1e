import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { formatAddressBook } from '@skein/contracts-evm';
import { ReconciliationFrozenSchema, ReconciliationPassedSchema, ReconciliationThawedSchema } from '@skein/contracts/staking';
import { EmbeddedEventLog, eventLogMigrations, loadTopics } from '@skein/messaging';
import { bootService, migrationsOf, parseSettings, type RunningService } from '@skein/platform';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stakingIndexerService } from '../src/index.js';
import { TestChain } from './chain.js';

const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
const TOPIC = 'staking.reconciliation.v1';
const SCHEMAS = { passed: ReconciliationPassedSchema, frozen: ReconciliationFrozenSchema, thawed: ReconciliationThawedSchema } as const;

let chain: TestChain;
let database: TestDatabase;
let logDatabase: TestDatabase;
let log: EmbeddedEventLog;
let service: RunningService;
const said: { word: keyof typeof SCHEMAS; key: string; chain: string; version: bigint; logSinceMs: bigint; asOf?: { number: bigint } }[] = [];

async function boot(): Promise<void> {
  const settings = parseSettings(stakingIndexerService, {
    DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: 'a service token secret of the tests only', OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
    HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', CHAIN_RPC_URL: chain.anvil.rpcUrl, CHAIN_ID: String(chain.anvil.chainId),
    CHAIN_CONTRACTS: formatAddressBook(chain.book), CHAIN_POLL_MS: '50', CHAIN_RECONCILE_MS: '100', CHAIN_RECONCILED_FOR_MS: '5000',
  });
  service = await bootService(stakingIndexerService, 'all', settings, { log });
}

beforeAll(async () => {
  chain = await TestChain.start();
  [database, logDatabase] = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)];
  log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  await log.consume({
    group: 'test',
    topics: [TOPIC],
    onBatch: async ({ messages, resolve }) => {
      for (const message of messages) {
        const word = message.type.split('.')[3] as keyof typeof SCHEMAS;
        said.push({ word, key: message.key, ...(fromBinary(SCHEMAS[word], message.value) as { chain: string; version: bigint; logSinceMs: bigint }) });
        resolve(message);
      }
    },
  });
  const staker = await chain.staker('payouts', 10n ** 20n);
  await chain.stake(staker, 5n);
  await chain.anvil.mine(3);
  await boot();
});
afterAll(async () => {
  await service.close();
  await log.close();
  await Promise.all([database.drop(), logDatabase.drop()]);
  await chain.anvil.stop();
});

async function rest(method: 'GET' | 'POST', path: string, body?: object, key = 'none'): Promise<{ status: number; json: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json', 'idempotency-key': key };
  const response = await fetch(`http://127.0.0.1:${service.http.port}/staking/v1/${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const words = (): string[] => said.map(({ word }) => word);
const thaw = (key: string) => rest('POST', 'payouts:thaw', { reason: 'a test took a unit' }, key);

test('that nothing differs is published with its block, and again while nothing happens on the chain', async () => {
  await eventually(() => expect(words().length).toBeGreaterThan(2));
  expect(new Set(words())).toEqual(new Set(['passed']));
  const [first] = said;
  expect(first).toMatchObject({ key: 'eip155:31337', chain: 'eip155:31337', version: 1n });
  expect(said.map(({ version }) => version)).toEqual(said.map((_, at) => BigInt(at + 1)));
  const { json } = await rest('GET', 'payouts');
  expect(json).toMatchObject({ frozen: false, skipped: '', reconciled: { number: String(said.at(-1)!.asOf!.number) } });
  expect(Number(json['holdsUntilMs'])).toBeGreaterThan(Number(first!.logSinceMs));
});

test('a difference freezes until the operator thaws, and is then frozen again where it lasts', async () => {
  const takeUnits = (units: number) => database.appPool.query(`UPDATE staking.total SET units = units - $1 WHERE name = 'staked'`, [units]);
  await takeUnits(1);
  await eventually(() => expect(words().at(-1)).toBe('frozen'));
  expect((await rest('GET', 'payouts')).json).toMatchObject({ frozen: true, rule: 'totals-differ', differences: [{ total: 'staked', readModelUnits: '4', contractUnits: '5' }] });
  expect((await thaw('018f0000-0000-7000-8000-000000000001')).status).toBe(200);
  await eventually(() => expect(words().slice(-2)).toEqual(['thawed', 'frozen']));
  await takeUnits(-1);
  expect((await thaw('018f0000-0000-7000-8000-000000000002')).status).toBe(200);
  await eventually(() => expect(words().slice(-2)).toEqual(['thawed', 'passed']));
});

test('an indexer that was built anew says that its log is a later one; its operator may thaw what that log never froze', async () => {
  const before = said.at(-1)!;
  await service.close();
  await database.drop();
  database = await freshDatabase(...migrationsOf(stakingIndexerService));
  await boot();
  const anew = await eventually(() => {
    const found = said.find(({ logSinceMs }) => logSinceMs !== before.logSinceMs);
    expect(found).toBeDefined();
    return found!;
  });
  expect(anew).toMatchObject({ word: 'passed', version: 1n });
  expect(anew.logSinceMs).toBeGreaterThan(before.logSinceMs);
  expect((await thaw('018f0000-0000-7000-8000-000000000003')).status).toBe(200);
  await eventually(() => expect(said.filter(({ logSinceMs }) => logSinceMs === anew.logSinceMs).map(({ word }) => word)).toContain('thawed'));
});
