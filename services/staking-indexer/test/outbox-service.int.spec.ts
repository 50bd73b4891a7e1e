import { createHash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { EpochRewardedSchema, TaskFinishedSchema, TaskOpenedSchema, VestingStartedSchema, ChallengeStartedSchema } from '@skein/contracts/arena';
import { OperationsService } from '@skein/contracts/operations';
import { OutboxService } from '@skein/contracts/staking';
import { StakingInternalService } from '@skein/contracts/staking/internal';
import { formatAddressBook, mined, rewardsAbi, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import { EmbeddedEventLog, eventLogMigrations, loadTopics, publicMessage } from '@skein/messaging';
import { bootService, createGrpcClients, migrationsOf, parseSettings, type Client, type RunningService } from '@skein/platform';
import { createLogger } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareProjection, EventStore } from '@skein/events';
import { stakingIndexerService } from '../src/index.js';
import { grantsProjection } from '../src/projections/grants.projection.js';
import { outboxProjection } from '../src/projections/outbox.projection.js';
import { OutboxNet, systemClock } from './outbox-net.js';

const SECRET = 'a service token secret of the tests only';
const OPERATOR = 'op_0123456789abcdef0123456789abcdef';
const TASK = '0192f0c1-2b3c-7def-8123-000000000001';
const [NODE, VALIDATOR] = [`0x${'1'.repeat(40)}`, `0x${'2'.repeat(40)}`] as const;

let net: OutboxNet;
let database: TestDatabase;
let logDatabase: TestDatabase;
let log: EmbeddedEventLog;
let service: RunningService;
let clients: ReturnType<typeof createGrpcClients>[] = [];
let operator: Client<typeof OutboxService>;
const lines: string[] = [];

const clientOf = (parts: { caller?: string; authorization?: string; peers?: Record<string, string> }) => {
  const made = createGrpcClients({ caller: '', peers: {}, clock: systemClock, serviceTokenSecret: SECRET, bodyLimitBytes: 1 << 20, ...parts });
  clients.push(made);
  return made;
};
const as = (caller: string) => clientOf({ caller, peers: { 'staking-indexer': `127.0.0.1:${service.internalGrpcPort}` } }).client(StakingInternalService, 'staking-indexer');

async function boot(signer: Record<string, string>): Promise<void> {
  const settings = parseSettings(stakingIndexerService, {
    DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: SECRET, OPERATOR_TOKEN_SHA256: createHash('sha256').update(OPERATOR).digest('hex'),
    HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'debug',
    CHAIN_RPC_URL: net.anvil.rpcUrl, CHAIN_ID: String(net.book.chainId), CHAIN_CONTRACTS: formatAddressBook(net.book), CHAIN_POLL_MS: '50', ...signer,
  });
  const logger = createLogger({ level: 'debug', service: 'staking-indexer', destination: { write: (line: string) => void lines.push(line) } });
  service = await bootService(stakingIndexerService, 'all', settings, { log, logger });
  operator = clientOf({ authorization: `Bearer ${OPERATOR}` }).client(OutboxService, `127.0.0.1:${service.grpcPort}`);
}

async function stop(): Promise<void> {
  for (const client of clients) client.close();
  clients = [];
  await service.close();
}

beforeAll(async () => {
  net = await OutboxNet.start({ epochSeconds: 60n }, 0.1);
  [database, logDatabase] = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)];
  log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
});
afterAll(async () => {
  await stop();
  await log.close();
  await Promise.all([database.drop(), logDatabase.drop()]);
  await net.stop();
});

let count = 0;
/** What is told is no message of its type. */
let broken = false;
async function tell<D extends DescMessage>(topic: string, type: string, schema: D, message: MessageInitShape<D>): Promise<void> {
  count += 1;
  const event = {
    streamId: `task-${TASK}`, version: count, position: BigInt(count), eventId: `00000000-0000-8000-8000-${String(count).padStart(12, '0')}`, type, schemaVersion: 1, data: {},
    metadata: { correlationId: 'test', actor: 'test' }, recordedAtMs: 1000,
  };
  const sent = publicMessage({ event, topic, schema, type, message });
  const told = broken ? { ...sent, value: Uint8Array.from([0xff, 0xff]) } : sent;
  // As relays may: twice.
  await log.send([told, told]);
}

const request = (at: number): string => `00000000-0000-7000-8000-${String(at).padStart(12, '0')}`;
const caip = (account: string): string => `eip155:${net.book.chainId}:${account}`;
const now = async (): Promise<number> => Number((await net.admin.reader.getBlock()).timestamp);

test('without a signer nothing is accepted, and nobody listens to decisions', async () => {
  await boot({});
  await expect(as('arena').requestTransaction({ requestId: request(1), intent: { case: 'mintEpoch', value: { epoch: 0n } } })).rejects.toMatchObject({ rejection: { rule: 'no-signer' } });
  await expect(operator.getOutbox({})).rejects.toMatchObject({ rejection: { rule: 'no-signer' } });
  await eventually(async () => expect((await operator.listIntents({})).intents).toEqual([]));
  await stop();
});

test('what the arena decides reaches the chain: a task’s life, its rewards as a root, and claims against it', async () => {
  await boot({ CHAIN_SIGNER_KEY_FILE: net.keyFile });
  const start = await now();
  await tell('arena.task.v1', 'skein.arena.task.opened.v1', TaskOpenedSchema, { task: `tasks/${TASK}`, latestEndMs: BigInt(start + 5_000) * 1000n });
  await tell('arena.reward.v1', 'skein.arena.epoch.rewarded.v1', EpochRewardedSchema, {
    task: `tasks/${TASK}`, epoch: 1,
    rewards: [
      { wallet: caip(NODE), role: 'node', paidUnits: '600', poolPaidUnits: '0' },
      { wallet: caip(VALIDATOR), role: 'validator', paidUnits: '300', poolPaidUnits: '0' },
    ],
  });
  await tell('arena.task.v1', 'skein.arena.challenge.started.v1', ChallengeStartedSchema, { task: `tasks/${TASK}` });
  await tell('arena.reward.v1', 'skein.arena.vesting.started.v1', VestingStartedSchema, {
    task: `tasks/${TASK}`, startMs: BigInt(start) * 1000n, durationMs: 10_000n, rewards: [{ wallet: caip(NODE), rank: 1, lockedUnits: '100', poolLockedUnits: '0' }],
  });
  await tell('arena.task.v1', 'skein.arena.task.finished.v1', TaskFinishedSchema, { task: `tasks/${TASK}` });
  await eventually(async () => expect(await net.read('taskStaking', taskStakingAbi, 'taskOf', taskKey(TASK))).toMatchObject({ status: 2 }), { timeoutMs: 55_000 });
  await eventually(async () => expect((await operator.listIntents({ status: 'settled' })).intents.map(({ intent }) => intent).filter((intent) => intent.startsWith('tasks')).sort()).toEqual([
    `tasks/${TASK}/end`, `tasks/${TASK}/final-validation`, `tasks/${TASK}/opening`, `tasks/${TASK}/vesting`,
  ]), { timeoutMs: 55_000 });
  // The reward epoch ends, its emission is minted, its root posted, and a full epoch later it pays.
  await net.time.increaseTime({ seconds: 60 });
  await eventually(async () => expect(BigInt((await operator.listGrants({ wallet: caip(NODE) })).grants.length)).toBe(2n), { timeoutMs: 55_000 });
  const { epoch, root } = await operator.listGrants({ wallet: caip(NODE) });
  await eventually(async () => expect(await net.read('rewards', rewardsAbi, 'rootOf', epoch)).toMatchObject({ hash: root, sum: 1000n }), { timeoutMs: 55_000 });
  await net.time.increaseTime({ seconds: 61 });
  await net.anvil.mine(1);
  const anyone = await net.client('anyone');
  for (const wallet of [NODE, VALIDATOR]) {
    for (const { account, stream, totalUnits, startSeconds, durationSeconds, proof } of (await operator.listGrants({ wallet: caip(wallet) })).grants) {
      const grant = { account: account as `0x${string}`, stream: stream as `0x${string}`, total: BigInt(totalUnits), start: startSeconds, duration: durationSeconds };
      const claim = { address: net.book.rewards, abi: rewardsAbi, functionName: 'claim', args: [epoch, grant, proof as `0x${string}`[]] } as const;
      await mined(anyone, await anyone.wallet.writeContract(claim));
      expect(await net.read('rewards', rewardsAbi, 'paid', account, stream)).toBe(grant.total);
    }
  }
  expect((await operator.listGrants({ wallet: caip(`0x${'9'.repeat(40)}`) })).grants).toEqual([]);
}, 120_000);

test('services ask for what they decide, once by its business id, and for nothing else', async () => {
  const task = TASK.replace('01', '02');
  const [arena, aggregator] = [as('arena'), as('fl-aggregator')];
  const ask = (at: number, latestEndSeconds: bigint) => arena.requestTransaction({ requestId: request(at), intent: { case: 'openTask', value: { task, latestEndSeconds } } });
  const end = BigInt(await now()) + 500n;
  expect((await ask(11, end)).intent).toBe(`tasks/${task}/opening`);
  expect((await ask(12, end)).intent).toBe(`tasks/${task}/opening`);
  await expect(ask(13, end + 1n)).rejects.toMatchObject({ rejection: { rule: 'intent-decided-otherwise' } });
  await expect(aggregator.requestTransaction({ requestId: request(14), intent: { case: 'finishTask', value: { task } } })).rejects.toMatchObject({ rejection: { rule: 'service-not-allowed' } });
  await expect(arena.requestTransaction({ requestId: request(15) })).rejects.toMatchObject({ rejection: { rule: 'required', field: 'intent' } });
  await expect(arena.requestTransaction({ requestId: request(16), intent: { case: 'slash', value: { caseId: '0x1', units: '5' } } })).rejects.toMatchObject({ rejection: { rule: 'intent-field', field: 'caseId' } });
  // Nothing staked there: refused by the contract, and given up by the operator.
  expect((await aggregator.requestTransaction({ requestId: request(17), intent: { case: 'openRound', value: { task, round: 0 } } })).intent).toBe(`federatedTasks/${task}/rounds/0/opening`);
  await eventually(async () => expect((await operator.listIntents({ status: 'parked' })).intents).toMatchObject([{ kind: 'open-round', reason: `TaskNotRunning(${taskKey(task)})` }]), { timeoutMs: 55_000 });
  expect(await operator.withdrawIntent({ requestId: request(18), intent: `federatedTasks/${task}/rounds/0/opening`, reason: 'no such task' })).toMatchObject({ parked: 0, frozenRule: '' });
  await expect(operator.thawOutbox({ requestId: request(19) })).rejects.toMatchObject({ rejection: { rule: 'not-frozen' } });
  expect((await operator.listIntents({ intent: `tasks/${task}/opening` })).intents).toMatchObject([{ kind: 'open-task', content: expect.stringContaining(task) }]);
  expect((await operator.listIntents({ intent: 'tasks/none/opening' })).intents).toEqual([]);
  const first = await operator.listIntents({ pageSize: 2 });
  const second = await operator.listIntents({ pageSize: 2, pageToken: first.nextPageToken });
  expect(new Set([...first.intents, ...second.intents].map(({ intent }) => intent)).size).toBe(4);
});

test('a decision that cannot be carried out is listed with its reason; a message that nobody can read stops the consumer by its name, until the operator has looked', async () => {
  const operations = clientOf({ authorization: `Bearer ${OPERATOR}` }).client(OperationsService, `127.0.0.1:${service.grpcPort}`);
  const ours = { group: 'staking-indexer.decisions' };
  await tell('arena.task.v1', 'skein.arena.task.opened.v1', TaskOpenedSchema, { task: 'tasks/no-uuid', latestEndMs: 5_000n });
  const held = async () => (await operator.listIntents({ status: 'parked' })).intents.filter(({ kind }) => kind === 'hold-decision');
  await eventually(async () => expect(await held()).toMatchObject([{ intent: expect.stringMatching(/^decisions\/skein\.arena\.task\.opened\.v1\//), reason: expect.stringContaining('taskId'), content: expect.stringContaining('no-uuid') }]), { timeoutMs: 30_000 });
  const [decision] = await held();
  await operator.withdrawIntent({ requestId: request(31), intent: decision!.intent, reason: 'no such task' });
  broken = true;
  await tell('arena.task.v1', 'skein.arena.task.finished.v1', TaskFinishedSchema, { task: `tasks/${TASK.replace('01', '03')}` });
  broken = false;
  const behind = TASK.replace('01', '04');
  await tell('arena.task.v1', 'skein.arena.task.opened.v1', TaskOpenedSchema, { task: `tasks/${behind}`, latestEndMs: BigInt(await now() + 5_000) * 1000n });
  const halts = async () => (await operations.listDeadLetters(ours)).deadLetters.filter(({ state }) => state === 'halted');
  await eventually(async () => expect(await halts()).toMatchObject([{ type: 'skein.arena.task.finished.v1', topic: 'arena.task.v1', reason: expect.stringContaining('premature EOF') }]), { timeoutMs: 30_000 });
  expect((await operations.listConsumers({})).partitions.filter(({ group, state }) => group === ours.group && state === 'halted')).toMatchObject([{ reason: expect.stringContaining('offset') }]);
  // Relays send twice: both are looked at.
  await eventually(async () => {
    for (const { id } of await halts()) await operations.discardDeadLetter({ requestId: request(40 + Number(/\d+/.exec(id)![0])), id, reason: 'not readable' });
    expect((await operator.listIntents({ intent: `tasks/${behind}/opening` })).intents).toHaveLength(1);
  }, { timeoutMs: 30_000 });
}, 100_000);

test('the read models are what a rebuild makes of the log', async () => {
  await eventually(async () => expect((await operator.getOutbox({})).pending).toBe(0), { timeoutMs: 55_000 });
  const store = new EventStore({ pool: database.appPool });
  for (const projection of [outboxProjection, grantsProjection]) expect(await compareProjection(store, projection)).toMatchObject({ equal: true });
  await store.close();
});

test('the key is in no log line, no event and no table', async () => {
  const key = net.key.slice(2);
  expect(lines.length).toBeGreaterThan(5);
  const { rows } = await database.appPool.query<{ table: string }>(`SELECT format('%I.%I', schemaname, tablename) AS table FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
  const tables = await Promise.all(rows.map(async ({ table }) => JSON.stringify((await database.appPool.query(`SELECT t::text FROM ${table} t`)).rows)));
  const text = [...lines, ...tables].join('\n').toLowerCase();
  expect(text).toContain(net.signer.slice(2));
  expect([key.slice(0, 32), key.slice(32), Buffer.from(key, 'hex').toString('base64').slice(0, 30).toLowerCase()].map((part) => text.includes(part))).toEqual([false, false, false]);
});
