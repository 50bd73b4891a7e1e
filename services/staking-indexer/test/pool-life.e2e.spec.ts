import { createHash } from 'node:crypto';
import { StakingService } from '@skein/contracts/staking';
import { delegationPoolAbi, emissionAbi, formatAddressBook, poolManagerAbi, rewardsAbi, taskKey, taskStakingAbi, type ChainClient } from '@skein/contracts-evm';
import { compareProjection, EventStore } from '@skein/events';
import { EmbeddedEventLog, eventLogMigrations, loadTopics } from '@skein/messaging';
import { bootService, createGrpcClients, migrationsOf, parseSettings, type Client, type GrpcClients, type RunningService } from '@skein/platform';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import type { Address, Hex } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { PoolChain, TOKEN } from './pool-chain.js';

const TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';
/** Many steps, each of which waits for blocks to become final and be read; a busy machine takes its time. */
const PATIENCE_MS = 240_000;
const CASE: Hex = `0x${'ca'.repeat(32)}`;
const EVIDENCE: Hex = `0x${'ee'.repeat(32)}`;

interface Indexer {
  readonly database: TestDatabase;
  readonly logDatabase: TestDatabase;
  readonly log: EmbeddedEventLog;
  readonly service: RunningService;
  readonly clients: GrpcClients;
  readonly api: Client<typeof StakingService>;
}

let chain: PoolChain;
let live: Indexer;
let late: Indexer | undefined;
let owner: ChainClient;
let [a, b, stray]: ChainClient[] = [];
let pool: Address;
/** What the contracts said after each step, by block. */
const said: { readonly block: bigint; readonly views: Awaited<ReturnType<typeof viewsAt>> }[] = [];

async function boot(): Promise<Indexer> {
  const [database, logDatabase] = [await freshDatabase(...migrationsOf(stakingIndexerService)), await freshDatabase(eventLogMigrations)];
  const log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  const settings = parseSettings(stakingIndexerService, {
    DATABASE_URL: database.appUrl, SERVICE_TOKEN_SECRET: 'a service token secret of the tests only', HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0',
    LOG_LEVEL: 'error', CHAIN_RPC_URL: chain.anvil.rpcUrl, CHAIN_ID: String(chain.anvil.chainId), CHAIN_CONTRACTS: formatAddressBook(chain.book), CHAIN_POLL_MS: '50',
  });
  const service = await bootService(stakingIndexerService, 'all', settings, { log });
  const clients = createGrpcClients({ caller: '', peers: {}, clock: { nowMs: () => 0 }, serviceTokenSecret: undefined, bodyLimitBytes: 65_536 });
  return { database, logDatabase, log, service, clients, api: clients.client(StakingService, `127.0.0.1:${service.grpcPort}`) };
}

async function shut({ database, logDatabase, log, service, clients }: Indexer): Promise<void> {
  clients.close();
  await service.close();
  await log.close();
  await Promise.all([database.drop(), logDatabase.drop()]);
}

beforeAll(async () => {
  chain = await PoolChain.start();
  owner = await chain.holder('owner', 5_000n * TOKEN);
  [a, b, stray] = [await chain.holder('a', 10_000n * TOKEN), await chain.holder('b', 10_000n * TOKEN), await chain.holder('stray', 10n * TOKEN)];
  await chain.open(TASK, 60n);
  live = await boot();
});
afterAll(async () => {
  for (const one of [live, late]) if (one !== undefined) await shut(one);
  await chain.anvil.stop();
});

const caip = (account: { address: string } | string): string => `eip155:${chain.anvil.chainId}:${(typeof account === 'string' ? account : account.address).toLowerCase()}`;

/** The contracts' own words at a block. */
async function viewsAt(block: bigint) {
  const read = <T>(address: Address, abi: readonly unknown[], functionName: string, ...args: readonly unknown[]): Promise<T> =>
    chain.read<T>({ address, abi: abi as never, functionName, args }, block);
  const inPool = <T>(functionName: string, ...args: readonly unknown[]): Promise<T> => read<T>(pool, delegationPoolAbi, functionName, ...args);
  const { taskStaking, poolManager, rewards, emission } = chain.book;
  const delegator = async (client: ChainClient) => ({
    claimable: String(await inPool<bigint>('claimable', client.address)),
    free: String(await inPool<bigint>('delegationOf', client.address)),
    shares: String((await inPool<readonly [bigint, bigint]>('accountOf', client.address))[0]),
  });
  const { value: sigma } = await read<{ value: number }>(poolManager, poolManagerAbi, 'sigmaOf', owner.address);
  const { status } = await read<{ status: number }>(taskStaking, taskStakingAbi, 'caseOf', CASE);
  return {
    pool: {
      totalUnits: String(await inPool('total')), countedUnits: String(await inPool('countedPrincipal')), totalShares: String(await inPool('totalShares')),
      principalIndex: String(await inPool('principalIndex')), rewardIndex: String(await inPool('rewardIndex')), carry: String(await inPool('carry')),
      fundedUnits: String(await inPool('totalFunded')), claimedUnits: String(await inPool('totalClaimed')),
    },
    a: await delegator(a!),
    b: await delegator(b!),
    own: String(await read(taskStaking, taskStakingAbi, 'stakeOf', taskKey(TASK), 0, owner.address)),
    counted: String(await read(taskStaking, taskStakingAbi, 'countedOf', taskKey(TASK), 0, owner.address)),
    staked: String(await read(taskStaking, taskStakingAbi, 'grandTotal')),
    sigma,
    caseStatus: ['', 'open', 'slashed', 'dismissed'][status],
    minted: String(await read(emission, emissionAbi, 'totalMinted')),
    paid: String(await read(rewards, rewardsAbi, 'paid', pool, `0x${'0'.repeat(64)}`)),
    lock: String((await chain.lockOf(1n, block)).gmRemaining),
  };
}

/** The same from the read models, as they are or as of a block. */
async function modelAt({ api }: Indexer, asOfBlock = 0n): Promise<Awaited<ReturnType<typeof viewsAt>>> {
  const { pools } = await api.listPools({ pool, asOfBlock });
  const { totalUnits, countedUnits, totalShares, principalIndex, rewardIndex, carry, fundedUnits, claimedUnits } = pools[0]!;
  const { delegations } = await api.listDelegations({ pool, asOfBlock });
  const delegator = (client: ChainClient) => {
    const found = delegations.find((one) => one.delegator === caip(client));
    return { claimable: found?.claimableUnits ?? '0', free: found?.freeUnits ?? '0', shares: found?.shares ?? '0' };
  };
  const { stakes } = await api.getPosition({ wallet: caip(owner), asOfBlock });
  const stake = stakes.find(({ task }) => task === `tasks/${TASK}`);
  const [own, lent] = [BigInt(stake?.finalisedUnits ?? 0), BigInt(stake?.delegatedUnits ?? 0)];
  const { changes } = await api.listSigmaChanges({ owner: caip(owner) });
  const { cases } = await api.listCases({ caseId: CASE });
  const { payments } = await api.listPayments({ account: caip(pool) });
  const until = <T extends { readonly block: bigint }>(all: readonly T[]): T | undefined => all.filter(({ block }) => asOfBlock === 0n || block <= asOfBlock).at(-1);
  const { locks } = await api.getPosition({ wallet: caip(owner), asOfBlock });
  return {
    pool: { totalUnits, countedUnits, totalShares, principalIndex, rewardIndex, carry, fundedUnits, claimedUnits },
    a: delegator(a!),
    b: delegator(b!),
    own: String(own),
    counted: String(own + lent),
    staked: (await api.getTotals({ asOfBlock })).finalisedUnits,
    sigma: until(changes)?.sigma ?? 0,
    caseStatus: cases[0]?.status ?? '',
    minted: (await api.listEmissions({})).totalMintedUnits,
    paid: until(payments)?.paidUnits ?? '0',
    lock: locks[0]?.gmFlockUnitsRemaining ?? '0',
  };
}

/** Makes everything so far final, waits for the read models, and compares each with the contracts at that very block. */
async function agree(step: string): Promise<void> {
  // A second apart, so that a time names one of them.
  await chain.test.mine({ blocks: 3, interval: 1 });
  const block = (await chain.admin.reader.getBlockNumber({ cacheTime: 0 })) - 2n;
  await eventually(async () => expect(await live.api.getChainStatus({})).toMatchObject({ haltedRule: '', indexedFinalised: { number: block } }));
  const store = new EventStore({ pool: live.database.appPool });
  const head = await store.headPosition();
  const views = await viewsAt(block);
  await live.api.getTotals({ minPosition: head });
  expect([step, await modelAt(live)]).toEqual([step, views]);
  await store.close();
  said.push({ block, views });
}

test('the life of a pool: each read model is what the contracts say, to the last unit', async () => {
  await chain.stake(owner, TASK, 'node', 1_000n * TOKEN);
  pool = await chain.createPool(owner, 250_000);
  for (const client of [a!, b!]) await chain.approve(client, pool);
  await agree('a stake and an empty pool');

  const first = await chain.epoch();
  await chain.pool(a!, pool, 'delegate', 1_000n * TOKEN + 1n);
  await agree('the first delegation waits');
  await chain.skipEpochs(1n);
  await chain.mint(first);
  await chain.postRoot(first, pool, 0n);
  await chain.skipEpochs(2n);
  await chain.claimRoot(first, pool, 0n);
  await agree('the first delegation counts');

  const second = first + 1n;
  await chain.postRoot(second, pool, 100n * TOKEN + 7n);
  await chain.pool(b!, pool, 'delegate', 3_000n * TOKEN + 2n);
  await chain.stake(stray!, TASK, 'validator', TOKEN);
  await chain.test.mine({ blocks: 1 });
  await eventually(async () => expect((await live.api.getTotals({})).roles.find(({ role }) => role === 'validator')?.pendingUnits).toBe(String(TOKEN)));
  await chain.dropBlocks(2);
  await agree('a stake that a reorg dropped');
  await chain.skipEpochs(2n);
  await chain.claimRoot(second, pool, 100n * TOKEN + 7n);
  await agree('the first reward is all A’s');

  await chain.skipEpochs(3n);
  await agree('B counts by time alone');
  const third = (await chain.epoch()) - 1n;
  await chain.mint(second);
  await chain.postRoot(third, pool, 200n * TOKEN + 20n);
  await chain.skipEpochs(2n);
  await chain.claimRoot(third, pool, 200n * TOKEN + 20n);
  await agree('the second reward is both’s');
  await chain.pool(a!, pool, 'claim');
  await chain.pool(a!, pool, 'undelegate', 400n * TOKEN);
  await agree('A claims and asks for a part');

  const cap = 900n * TOKEN + 5n;
  await chain.staking('openCase', CASE, taskKey(TASK), 0, owner.address, a!.address, cap, EVIDENCE);
  await agree('a notice');
  const { notices: threats } = await live.api.listNotices({ delegator: caip(b!) });
  expect(threats).toMatchObject([{ caseId: CASE, pool, accused: caip(owner), evidence: EVIDENCE, status: 'open', lostUnits: '0' }]);
  await chain.skipEpochs(8n);
  await chain.staking('slash', CASE, cap);
  await agree('a slash after its appeal');
  const losses = await Promise.all([a!, b!].map(async (client) => (await live.api.listNotices({ delegator: caip(client) })).notices));
  const { cases } = await live.api.listCases({ pool });
  const lost = losses.map(([notice]) => BigInt(notice!.lostUnits));
  expect(losses.map(([notice]) => notice)).toMatchObject([a!, b!].map(() => ({ caseId: CASE, accused: caip(owner), evidence: EVIDENCE, status: 'slashed' })));
  const fromPool = BigInt(cases[0]!.fromPoolUnits);
  const dust = fromPool - lost[0]! - lost[1]!;
  expect(dust >= -2n && dust <= 2n).toBe(true);

  await chain.skipEpochs(3n);
  await chain.pool(a!, pool, 'withdraw', 1n);
  await chain.send(owner, { address: chain.book.poolManager, abi: poolManagerAbi, functionName: 'announceSigma', args: [500_000] });
  await agree('an exit is paid, a rise of σ announced');
  expect(await live.api.listSigmaChanges({ owner: caip(owner) })).toMatchObject({ announced: 500_000, taskEnds: [{ task: `tasks/${TASK}`, status: 'open' }] });
  await chain.pool(b!, pool, 'claim');
  await agree('B claims');
}, PATIENCE_MS);

test('what was true after each of those blocks can still be asked for, by block and by time', async () => {
  expect(said.length).toBeGreaterThan(10);
  let byTimes = 0;
  for (const { block, views } of said) {
    const { caseStatus: _status, minted: _minted, ...then } = views;
    expect(await modelAt(live, block)).toMatchObject(then);
    // Steps may share a second, and a time means its last block.
    const timeOf = async (blockNumber: bigint): Promise<bigint> => (await chain.admin.reader.getBlock({ blockNumber })).timestamp;
    const timestamp = await timeOf(block);
    if ((await timeOf(block + 1n)) === timestamp) continue;
    byTimes += 1;
    const byTime = await live.api.listPools({ pool, asOfTimeMs: timestamp * 1000n });
    expect(byTime.pools[0]).toMatchObject(views.pool);
  }
  expect(byTimes).toBeGreaterThan(2);
  const { changes } = await live.api.listStakeChanges({ wallet: caip(owner), task: `tasks/${TASK}`, role: 'node' });
  expect(changes.map(({ units }) => units)).toEqual([...new Set(said.map(({ views }) => views.own))]);
  expect(changes.map(({ slashedUnits }) => BigInt(slashedUnits) > 0n)).toEqual([false, true]);
  const ahead = (await chain.admin.reader.getBlockNumber({ cacheTime: 0 })) + 5n;
  await expect(live.api.getTotals({ asOfBlock: ahead })).rejects.toMatchObject({ rejection: { rule: 'not-final', field: 'as_of_block' } });
  await expect(live.api.getTotals({ asOfBlock: 1n, asOfTimeMs: 1n })).rejects.toMatchObject({ rejection: { rule: 'one-moment' } });
}, PATIENCE_MS);

/** SHA-256 of the whole snapshot, as `skein chain snapshot` makes it. */
async function snapshotHash({ api }: Indexer, block: bigint): Promise<string> {
  const hash = createHash('sha256');
  for (let pageToken = ''; ; ) {
    const page = await api.readSnapshot({ block, pageToken });
    for (const line of page.lines) hash.update(`${line}\n`);
    pageToken = page.nextPageToken;
    if (pageToken === '') return hash.digest('hex');
  }
}

test('an operator who reads it all afterwards has the same snapshots, and rebuilt read models equal the live ones', async () => {
  late = await boot();
  const { block: last, views } = said.at(-1)!;
  await eventually(async () => expect(Number((await late!.api.getChainStatus({})).indexedFinalised!.number)).toBeGreaterThanOrEqual(Number(last)));
  await eventually(async () => expect(await modelAt(late!)).toEqual(views));
  for (const { block } of [said[0]!, said[5]!, said.at(-1)!]) expect(await snapshotHash(late, block)).toBe(await snapshotHash(live, block));
  expect(await snapshotHash(live, said[0]!.block)).not.toBe(await snapshotHash(live, last));
  for (const { database } of [live, late]) {
    const store = new EventStore({ pool: database.appPool });
    expect(await compareProjection(store, stakingProjection)).toMatchObject({ equal: true, differences: [] });
    await store.close();
  }
}, PATIENCE_MS);

test('positions can be watched from any place of the log on, without a gap or a repetition, until the caller goes', async () => {
  const seen: bigint[] = [];
  const stop = new AbortController();
  const watch = async (afterPosition: bigint, count: number): Promise<void> => {
    for await (const { position, changed } of live.api.watchPositions({ afterPosition, wallets: [caip(owner)] }, { signal: stop.signal })) {
      expect(changed!.wallet).toBe(caip(owner));
      seen.push(position);
      if (seen.length === count) return;
    }
  };
  await watch(0n, 2);
  const more = watch(seen.at(-1)!, 4);
  await chain.stake(owner, TASK, 'node', 5n);
  // A second apart, so that a time names one of them.
  await chain.test.mine({ blocks: 3, interval: 1 });
  await more;
  expect(seen).toEqual([...new Set(seen)].sort((x, y) => Number(x - y)));
  const whole: bigint[] = [];
  for await (const { position } of live.api.watchPositions({ wallets: [caip(owner)] })) if (whole.push(position) === 4) break;
  expect(whole).toEqual(seen);
  stop.abort();
});
