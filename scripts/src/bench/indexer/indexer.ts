import { setTimeout as wait } from 'node:timers/promises';
import { chainClient, deployAll, devAccount, formatAddressBook, fundGas, lockFlock, mintFlock, openTask, totalStaked, type AddressBook, type ChainClient } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import pg from 'pg';
import { surroundings, withServer } from '../event-store/server.js';
import type { HotFunction } from '../services/profile.js';
import { makeDatabases, ServiceUnderTest, type Databases } from '../services/service-under-test.js';
import { spreadOf, type Spread } from '../stats.js';
import { fillChain, type BusyOptions } from './busy-chain.js';
import { measureLive, type Live } from './live.js';

export interface IndexerOptions {
  readonly rounds: number;
  readonly quick: boolean;
  /** `backfill`, `live`; both when empty. */
  readonly only: readonly string[];
}

/** Wait between two looks at the chain; the products' default is 500, of the all-in-one 250. */
const POLL_MS = 50;
const LOOK_MS = 10;
const STATES_KEPT = 512;
const LIVE_TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';
const TOKEN = 10n ** 18n;

interface Chain {
  readonly anvil: Anvil;
  readonly book: AddressBook;
  readonly admin: ChainClient;
}

async function startChain(): Promise<Chain> {
  const anvil = await startAnvil({ blockTimeSeconds: 0, statesKept: STATES_KEPT });
  const admin = chainClient(anvil, devAccount('bench', 'admin'));
  await fundGas(anvil, [admin.address]);
  return { anvil, admin, book: await deployAll(admin) };
}

const settingsOf = ({ anvil, book }: Chain): Record<string, string> => ({
  CHAIN_RPC_URL: anvil.rpcUrl, CHAIN_ID: String(anvil.chainId), CHAIN_CONTRACTS: formatAddressBook(book), CHAIN_POLL_MS: String(POLL_MS),
});

interface Backfill {
  readonly seconds: number;
  /** Until every wallet's position, as other services hear of it, has been written, too. */
  readonly positionsSeconds: number;
  readonly hot: readonly HotFunction[];
}

const DONE = `SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now_ms, (SELECT min(recorded_at_ms) FROM es_event WHERE stream_id LIKE 'chain-%') AS from_ms,
  (SELECT finalised_number FROM staking.progress) AS final, (SELECT min(position) FROM es_subscription WHERE name IN ('positions')) >= $1::bigint AS positions`;

/** A fresh indexer on a full chain: from its first event until its read models hold the last final block. */
async function backfill(chain: Chain, databases: Databases, profiled: boolean): Promise<Backfill> {
  const { reader } = chain.admin;
  const tip = Number((await reader.getBlock({ blockTag: 'finalized' })).number);
  const service = await ServiceUnderTest.start(databases, { profiled, settings: settingsOf(chain) });
  const hot: HotFunction[] = [];
  const client = new pg.Client({ connectionString: databases.environment['DATABASE_URL'] });
  try {
    await client.connect();
    let [doneMs, last] = [0, '0'];
    for (;;) {
      const { rows } = await client.query<{ now_ms: string; from_ms: string; final: string | null; positions: boolean }>(DONE, [last]);
      const { now_ms: now, from_ms: from, final, positions } = rows[0]!;
      if (doneMs === 0 && Number(final ?? -1) >= tip) {
        doneMs = Number(now) - Number(from);
        last = (await client.query<{ head: string }>('SELECT es_head() AS head')).rows[0]!.head;
        await expectWhole(chain, client);
      } else if (doneMs > 0 && positions) return { seconds: doneMs / 1_000, positionsSeconds: (Number(now) - Number(from)) / 1_000, hot };
      await wait(LOOK_MS);
    }
  } finally {
    await client.end();
    hot.push(...(await service.stop()));
  }
}

async function expectWhole({ admin, book }: Chain, client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ units: string }>(`SELECT units FROM staking.total WHERE name = 'staked'`);
  const onChain = await totalStaked(admin, book);
  if (BigInt(rows[0]?.units ?? 0) !== onChain) throw new Error(`the read model holds ${rows[0]?.units}, the contract ${onChain}`);
}

async function benchBackfill(options: IndexerOptions, busy: BusyOptions): Promise<object> {
  const chain = await startChain();
  try {
    const fromMs = performance.now();
    await fillChain(chain.anvil, chain.admin, chain.book, busy);
    process.stderr.write(`${busy.events} stakes in ${busy.blocks} blocks made in ${Math.round((performance.now() - fromMs) / 1_000)} s\n`);
    const runs: Backfill[] = [];
    for (let round = 0; round < options.rounds; round += 1) runs.push(await withServer(async (server) => backfill(chain, await makeDatabases(server, 'staking-indexer'), false)));
    const profiled = await withServer(async (server) => backfill(chain, await makeDatabases(server, 'staking-indexer'), true));
    const rate = (seconds: (run: Backfill) => number): Spread => spreadOf(runs.map((run) => busy.events / seconds(run)));
    // Ponder's contender belongs here: the same chain, the same run, its own PostgreSQL, interleaved round by round.
    return { ...busy, events_per_second: rate((run) => run.seconds), positions_events_per_second: rate((run) => run.positionsSeconds), hottest: profiled.hot };
  } finally {
    await chain.anvil.stop();
  }
}

async function benchLive(stakes: number): Promise<Live> {
  const chain = await startChain();
  const { anvil, admin, book } = chain;
  try {
    const client = chainClient(anvil, devAccount('bench', 'live'));
    await fundGas(anvil, [client.address]);
    await mintFlock(admin, book, client.address, 10n * TOKEN);
    await lockFlock(client, book, { amount: 10n * TOKEN, lockSeconds: 0n });
    await openTask(admin, book, LIVE_TASK, (Number((await admin.reader.getBlock()).timestamp) + 86_400) * 1_000);
    return await withServer(async (server) => {
      const service = await ServiceUnderTest.start(await makeDatabases(server, 'staking-indexer'), { settings: settingsOf(chain) });
      try {
        return await measureLive(service.url, anvil, client, book, LIVE_TASK, stakes);
      } finally {
        await service.stop();
      }
    });
  } finally {
    await anvil.stop();
  }
}

/** Events per second of a backfill into read models, and how soon a block's stake is seen. */
export async function benchIndexer(options: IndexerOptions): Promise<object> {
  const wanted = (name: string): boolean => options.only.length === 0 || options.only.includes(name);
  const around = await withServer((server) => surroundings(server));
  const busy = options.quick ? { events: 8_000, blocks: 200 } : { events: 200_000, blocks: 5_000 };
  return {
    ...around,
    poll_ms: POLL_MS,
    ...(wanted('backfill') ? { backfill: await benchBackfill(options, busy) } : {}),
    ...(wanted('live') ? { live: await benchLive(options.quick ? 20 : 200) } : {}),
  };
}
