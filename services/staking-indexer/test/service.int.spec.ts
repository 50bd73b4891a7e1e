import { fromBinary } from '@bufbuild/protobuf';
import { FinalityReachedSchema, PositionChangedSchema, StakingService, type PositionChanged } from '@skein/contracts/staking';
import {
  finishTask,
  formatAddressBook,
  lockFlock,
  mintFlock,
  redeemLock,
  totalStaked,
  withdrawStake,
  type ChainClient,
} from '@skein/contracts-evm';
import { compareProjection, EventStore } from '@skein/events';
import { EmbeddedEventLog, eventLogMigrations, loadTopics, type ReceivedMessage } from '@skein/messaging';
import {
  bootService,
  createGrpcClients,
  migrationsOf,
  parseSettings,
  type Client,
  type GrpcClients,
  type RunningService,
  type Settings,
} from '@skein/platform';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { OTHER_TASK, TASK, TestChain } from './chain.js';

const TOKEN = 10n ** 18n;

let chain: TestChain;
let database: TestDatabase;
let logDatabase: TestDatabase;
let log: EmbeddedEventLog;
let service: RunningService;
let clients: GrpcClients;
let staking: Client<typeof StakingService>;
let wallets: { a: ChainClient; b: ChainClient };
const received: ReceivedMessage[] = [];

const caip = (client: ChainClient): string => `eip155:${chain.anvil.chainId}:${client.address}`;

function settings(): Settings {
  return parseSettings(stakingIndexerService, {
    DATABASE_URL: database.appUrl,
    SERVICE_TOKEN_SECRET: 'a service token secret of the tests only',
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    INTERNAL_GRPC_PORT: '0',
    LOG_LEVEL: 'error',
    CHAIN_RPC_URL: chain.anvil.rpcUrl,
    CHAIN_ID: String(chain.anvil.chainId),
    CHAIN_CONTRACTS: formatAddressBook(chain.book),
    CHAIN_POLL_MS: '50',
    CHAIN_RECONCILE_MS: '100',
  });
}

async function boot(): Promise<void> {
  service = await bootService(stakingIndexerService, 'all', settings(), { log });
  clients = createGrpcClients({ caller: '', peers: {}, clock: { nowMs: () => 0 }, serviceTokenSecret: undefined, bodyLimitBytes: 65_536 });
  staking = clients.client(StakingService, `127.0.0.1:${service.grpcPort}`);
}

beforeAll(async () => {
  chain = await TestChain.start();
  wallets = { a: await chain.staker('service-a', 100n * TOKEN), b: await chain.staker('service-b', 50n * TOKEN) };
  [database, logDatabase] = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)];
  log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  await log.consume({
    group: 'test',
    topics: ['staking.position.v1'],
    onBatch: async (batch) => {
      for (const message of batch.messages) {
        received.push(message);
        batch.resolve(message);
      }
    },
  });
  await boot();
});

afterAll(async () => {
  clients.close();
  await service.close();
  await log.close();
  await Promise.all([database.drop(), logDatabase.drop()]);
  await chain.anvil.stop();
});

/** Newest published position of a wallet. */
function published(client: ChainClient): PositionChanged | undefined {
  const all = received.filter(({ key }) => key === caip(client)).map(({ value }) => fromBinary(PositionChangedSchema, value));
  return all.reduce<PositionChanged | undefined>((newest, next) => (newest && newest.version > next.version ? newest : next), undefined);
}

const stakesOf = (position: PositionChanged | undefined): string[] =>
  (position?.stakes ?? []).map(({ task, role, units }) => `${task} ${role} ${units}`);

test('stakes are published whole, by wallet, once they are final', async () => {
  const { a, b } = wallets;
  await chain.stake(a, 30n * TOKEN);
  await chain.stake(a, 5n * TOKEN, OTHER_TASK, 'validator');
  await chain.stake(b, 20n * TOKEN, TASK, 'validator');
  await chain.anvil.mine(2);
  await eventually(() => {
    expect(stakesOf(published(a))).toEqual([`tasks/${OTHER_TASK} validator ${5n * TOKEN}`, `tasks/${TASK} node ${30n * TOKEN}`]);
    expect(stakesOf(published(b))).toEqual([`tasks/${TASK} validator ${20n * TOKEN}`]);
  });
  expect(published(a)).toMatchObject({ version: 3n, locks: { count: 1, flockUnits: String(100n * TOKEN) }, cause: { kind: 'staked' } });
});

test('behind them it is told how far positions are final, by key of the chain, with that block’s own time', async () => {
  const told = await eventually(() => {
    const own = received.filter(({ type }) => type === 'skein.staking.finality.reached.v1').map(({ key, value }) => ({ key, ...fromBinary(FinalityReachedSchema, value) }));
    const stakes = [wallets.a, wallets.b].map((one) => published(one)!.asOf!.number);
    expect(own.at(-1)!.asOf!.number >= stakes.reduce((x, y) => (x > y ? x : y))).toBe(true);
    return own;
  });
  const numbers = told.map(({ asOf }) => asOf!.number);
  expect(numbers).toEqual([...new Set(numbers)].sort((x, y) => Number(x - y)));
  expect(new Set(told.map(({ key, chain: name }) => `${key} ${name}`))).toEqual(new Set([`eip155:${chain.anvil.chainId} eip155:${chain.anvil.chainId}`]));
  const { blockTimeMs, epochGenesisMs, epochMs } = told.at(-1)!;
  expect([blockTimeMs > 0n && blockTimeMs % 1_000n === 0n, epochGenesisMs > 0n, epochMs > 0n]).toEqual([true, true, true]);
});

test('a pending stake is shown apart from the final one', async () => {
  const { b } = wallets;
  await chain.stake(b, 2n * TOKEN, TASK, 'validator');
  await chain.anvil.mine(1);
  const wallet = caip(b);
  await eventually(async () => {
    const { stakes } = await staking.getPosition({ wallet });
    expect(stakes).toMatchObject([{ task: `tasks/${TASK}`, finalisedUnits: String(20n * TOKEN), pendingUnits: String(2n * TOKEN) }]);
  });
  const { roles } = await staking.getTotals({ task: `tasks/${TASK}` });
  expect(roles).toMatchObject([
    { role: 'node', finalisedUnits: String(30n * TOKEN), pendingUnits: '0', wallets: 1 },
    { role: 'validator', finalisedUnits: String(20n * TOKEN), pendingUnits: String(2n * TOKEN), wallets: 1 },
  ]);
  await chain.anvil.mine(1);
  await eventually(async () => {
    const { stakes } = await staking.getPosition({ wallet });
    expect(stakes).toMatchObject([{ finalisedUnits: String(22n * TOKEN), pendingUnits: '0' }]);
  });
});

test('locks and redemptions change the position', async () => {
  const { b } = wallets;
  await mintFlock(chain.admin, chain.book, b.address, 10n * TOKEN);
  const { lockId } = await lockFlock(b, chain.book, { amount: 10n * TOKEN, lockSeconds: 0n });
  await redeemLock(b, chain.book, lockId, 4n * TOKEN);
  await chain.anvil.mine(2);
  const position = await eventually(async () => {
    const answer = await staking.getPosition({ wallet: caip(b) });
    expect(answer.lockSummary).toMatchObject({ count: 2, flockUnits: String(56n * TOKEN), gmFlockUnits: String(56n * TOKEN) });
    return answer;
  });
  expect(position.locks.at(-1)).toMatchObject({ id: String(lockId), flockUnits: String(10n * TOKEN), flockUnitsRemaining: String(6n * TOKEN) });
  expect(position.position).toBeGreaterThan(0n);
  await staking.getPosition({ wallet: caip(b), minPosition: position.position });
});

test('stakes are listed in pages', async () => {
  const all = await staking.listStakes({});
  expect(all.stakes).toHaveLength(3);
  const pages: string[] = [];
  for (let pageToken = ''; ; ) {
    const page = await staking.listStakes({ pageSize: 1, pageToken });
    pages.push(...page.stakes.map(({ wallet, task, role }) => `${wallet} ${task} ${role}`));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(pages).toEqual(all.stakes.map(({ wallet, task, role }) => `${wallet} ${task} ${role}`));
  expect((await staking.listStakes({ role: 'validator', task: `tasks/${TASK}` })).stakes).toHaveLength(1);
});

test('what is staked in the read model is what the contract holds at the same block', async () => {
  const { block, projectionUnits, contractUnits, equal } = await staking.reconcile({});
  expect({ projectionUnits, contractUnits, equal }).toEqual({
    projectionUnits: String(57n * TOKEN),
    contractUnits: String(57n * TOKEN),
    equal: true,
  });
  expect(await totalStaked(chain.admin, chain.book, block!.number)).toBe(57n * TOKEN);
});

test('REST answers the same, and bad input is named', async () => {
  const rest = async (path: string): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`http://127.0.0.1:${service.http.port}/staking/v1/${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  expect(await rest(`positions/${caip(wallets.a)}`)).toMatchObject({ status: 200, body: { wallet: caip(wallets.a) } });
  expect(await rest('contracts')).toEqual({ status: 200, body: { ...(JSON.parse(formatAddressBook(chain.book)) as object), chainId: '31337' } });
  expect(await rest('chain')).toMatchObject({ status: 200, body: { chainId: '31337' } });
  const bad = async (path: string, field: string): Promise<void> => {
    const { status, body } = await rest(path);
    expect({ status, text: JSON.stringify(body) }).toMatchObject({ status: 400, text: expect.stringContaining(field) });
  };
  await bad('positions/nobody', 'wallet');
  await bad('stakes?task=tasks/x', 'task');
  await bad('stakes?role=owner', 'role');
  await bad('stakes?page_size=501', 'page_size');
  await bad('stakes?page_token=rubbish', 'page_token');
  await bad('totals?min_position=-1', 'min_position');
});

test('after a restart it goes on, and a withdrawal empties the stake', async () => {
  clients.close();
  await service.close();
  await finishTask(chain.admin, chain.book, TASK);
  await withdrawStake(wallets.b, chain.book, { taskId: TASK, role: 'validator' });
  await chain.anvil.mine(3);
  await boot();
  await eventually(() => expect(stakesOf(published(wallets.b))).toEqual([]));
  expect(await staking.reconcile({})).toMatchObject({ projectionUnits: String(35n * TOKEN), equal: true });
  const { latest, safe, indexed, haltedRule } = await staking.getChainStatus({});
  expect([latest!.number - safe!.number, safe!.number - indexed!.number, haltedRule]).toEqual([1n, 0n, '']);
});

test('every version of a position was published once, in order', () => {
  for (const client of Object.values(wallets)) {
    const versions = received
      .filter(({ key }) => key === caip(client))
      .map(({ value }) => fromBinary(PositionChangedSchema, value).version);
    expect([...new Set(versions)]).toEqual(versions.toSorted((x, y) => Number(x - y)).filter((version, at, all) => version !== all[at - 1]));
    expect(versions.at(-1)).toBe(BigInt(new Set(versions).size));
  }
});

test('readers see each stream in the order of its versions', async () => {
  const store = new EventStore({ pool: database.appPool });
  const seen = new Map<string, number>();
  for (const { streamId, version } of await store.readAll(0n, 1000)) {
    expect(version).toBe((seen.get(streamId) ?? 0) + 1);
    seen.set(streamId, version);
  }
  // The chain, two wallets, how far they are final, and whether all of it is what the contracts say.
  expect(seen.size).toBe(5);
  await store.close();
});

test('the read model rebuilt from the log equals the live one', async () => {
  const store = new EventStore({ pool: database.appPool });
  const compared = await compareProjection(store, stakingProjection);
  expect(compared).toMatchObject({ equal: true, differences: [] });
  expect(compared.rows).toBeGreaterThan(8);
  await store.close();
});

test('settings are checked all at once', () => {
  const parse = (environment: Record<string, string>) => (): Settings => parseSettings(stakingIndexerService, environment);
  expect(parse({ DATABASE_URL: 'x', CHAIN_CONTRACTS: '{"chainId":1,"flock":"no","fromBlock":"1"}', CHAIN_POLL_MS: '0' })).toThrow(
    /DATABASE_URL[\s\S]*CHAIN_RPC_URL: is missing[\s\S]*CHAIN_CONTRACTS: address book: flock is not an address[\s\S]*CHAIN_POLL_MS/,
  );
  const whole = { DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: 'a service token secret of the tests only', CHAIN_RPC_URL: 'http://x' };
  const contracts = formatAddressBook(chain.book);
  expect(parse({ ...whole, CHAIN_CONTRACTS: contracts, CHAIN_ID: '8453' })).toThrow('CHAIN_CONTRACTS: is for another chain than CHAIN_ID');
  expect(parse({ ...whole, CHAIN_CONTRACTS: contracts })).not.toThrow();
});
