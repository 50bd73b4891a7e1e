import { createHash } from 'node:crypto';
import { StakingInternalService } from '@skein/contracts/staking/internal';
import { formatAddressBook } from '@skein/contracts-evm';
import { EmbeddedEventLog, eventLogMigrations, loadTopics } from '@skein/messaging';
import { bootService, createGrpcClients, migrationsOf, parseSettings, type RunningService } from '@skein/platform';
import { createLogger } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stakingIndexerService } from '../src/index.js';
import { OutboxNet, systemClock } from './outbox-net.js';
import { RpcProxy, type Break } from './rpc-proxy.js';

const SECRET = 'a service token secret of the tests only';
const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
const CANARY = 'canary-0f1e2d3c4b5a';
const lines: string[] = [];

let net: OutboxNet;
let proxy: RpcProxy;
let database: TestDatabase;
let logDatabase: TestDatabase;
let log: EmbeddedEventLog;
let service: RunningService;
let clients: ReturnType<typeof createGrpcClients>;

beforeAll(async () => {
  net = await OutboxNet.start({ epochSeconds: 60n }, 0.1);
  proxy = await RpcProxy.before(net.anvil.rpcUrl);
  [database, logDatabase] = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)];
  log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  const settings = parseSettings(stakingIndexerService, {
    DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: SECRET, OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
    HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'debug',
    CHAIN_RPC_URL: `${proxy.url}/v2/${CANARY}?apikey=${CANARY}`, CHAIN_ID: String(net.book.chainId), CHAIN_CONTRACTS: formatAddressBook(net.book), CHAIN_POLL_MS: '50', CHAIN_SIGNER_KEY_FILE: net.keyFile,
  });
  const logger = createLogger({ level: 'debug', service: 'staking-indexer', destination: { write: (line: string) => void lines.push(line) } });
  service = await bootService(stakingIndexerService, 'all', settings, { log, logger });
  clients = createGrpcClients({ caller: 'arena', peers: { 'staking-indexer': `127.0.0.1:${service.internalGrpcPort}` }, clock: systemClock, serviceTokenSecret: SECRET, bodyLimitBytes: 1 << 20 });
});
afterAll(async () => {
  clients.close();
  await service.close();
  await log.close();
  await Promise.all([database.drop(), logDatabase.drop()]);
  await proxy.stop();
  await net.stop();
});

/** The endpoint repeats by what it was asked, as those that charge for it do. */
const refuses = (words: string): Break => (response, body) => {
  const questions = JSON.parse(body) as { id: number }[];
  response.end(JSON.stringify(questions.map(({ id }) => ({ jsonrpc: '2.0', id, error: { code: -32_000, message: words } }))));
};
const quoted = `POST /v2/${CANARY}?apikey=${CANARY}`;
const BREAKS: readonly Break[] = [
  refuses(`no credit for ${quoted}`),
  refuses(`execution reverted: ${quoted}`),
  (response) => void response.end(`<html>${quoted}</html>`),
  (response) => void response.writeHead(502).end(quoted),
  (response) => void response.destroy(),
];

const answerOf = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${service.http.port}${path}`, { headers: { authorization: `Bearer ${OPERATOR}` } })).text();

test('an endpoint’s key, whatever the endpoint answers, is in no log line, no event, no table, no metric and no answer', async () => {
  const shown: string[] = [];
  const arena = clients.client(StakingInternalService, 'staking-indexer');
  for (const [at, broken] of BREAKS.entries()) {
    const task = `0192f0c1-2b3c-7def-8123-00000000010${at}`;
    const { timestamp } = await net.admin.reader.getBlock();
    const before = proxy.asked.length;
    proxy.break(broken);
    await arena.requestTransaction({ requestId: `00000000-0000-7000-8000-00000000010${at}`, intent: { case: 'openTask', value: { task, latestEndSeconds: timestamp + 600n } } });
    await eventually(() => expect(proxy.asked.length).toBeGreaterThan(before + 6), { timeoutMs: 30_000 });
    shown.push(...(await Promise.all(['/metrics', '/health/ready', '/staking/v1/intents', '/staking/v1/outbox'].map(answerOf))));
    proxy.heal();
    await eventually(async () => expect(await answerOf('/staking/v1/intents?status=settled')).toContain(task), { timeoutMs: 30_000 });
  }
  const { rows } = await database.appPool.query<{ table: string }>(`SELECT format('%I.%I', schemaname, tablename) AS table FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
  const tables = await Promise.all(rows.map(async ({ table }) => JSON.stringify((await database.appPool.query(`SELECT t::text FROM ${table} t`)).rows)));
  const text = [...lines, ...tables, ...shown].join('\n');
  // What was searched holds the troubles: they are told, without the key.
  for (const told of ['no credit for', 'endpoint-refused', 'endpoint-status', 'answer-not-json']) expect(text).toContain(told);
  expect(text).not.toContain(CANARY);
}, 120_000);
