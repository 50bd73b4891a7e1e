import { setTimeout as wait } from 'node:timers/promises';
import { chainClient, deployAll, devAccount, formatAddressBook, fundGas, lockFlock, mintFlock, openTask, totalStaked, type AddressBook, type ChainClient } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import pg from 'pg';
import { benchAsOf } from '../as-of/as-of.js';
import { surroundings, withServer } from '../event-store/server.js';
import type { HotFunction } from '../services/profile.js';
import { makeDatabases, ServiceUnderTest, type Databases } from '../services/service-under-test.js';
import { spreadOf, type Spread } from '../stats.js';
import { fillChain, type BusyOptions } from './busy-chain.js';
import { measureLive, type Live } from './live.js';
import { Peer } from './peer.js';

export interface IndexerOptions {
  readonly rounds: number;
  readonly quick: boolean;
  /** `backfill`, `peer` (a backfill with Ponder's beside it), `live`, `as-of`; when empty all of them, of a slice all but the peer. */
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
  (SELECT units FROM staking.total WHERE name = 'staked') = $2::numeric AS whole, (SELECT min(position) FROM es_subscription WHERE name IN ('positions')) >= $1::bigint AS positions`;

/** A fresh indexer on a full chain: from its first event until its read models hold the last stake, which nothing else makes `staked`. */
async function backfill(chain: Chain, databases: Databases, staked: bigint, profiled: boolean): Promise<Backfill> {
  const service = await ServiceUnderTest.start(databases, { profiled, settings: settingsOf(chain) });
  const hot: HotFunction[] = [];
  const client = new pg.Client({ connectionString: databases.environment['DATABASE_URL'] });
  try {
    await client.connect();
    let [doneMs, last] = [0, '0'];
    for (;;) {
      const { rows } = await client.query<{ now_ms: string; from_ms: string; whole: boolean | null; positions: boolean }>(DONE, [last, staked.toString()]);
      const { now_ms: now, from_ms: from, whole, positions } = rows[0]!;
      if (doneMs === 0 && whole === true) {
        doneMs = Number(now) - Number(from);
        last = (await client.query<{ head: string }>('SELECT es_head() AS head')).rows[0]!.head;
      } else if (doneMs > 0 && positions) return { seconds: doneMs / 1_000, positionsSeconds: (Number(now) - Number(from)) / 1_000, hot };
      await wait(LOOK_MS);
    }
  } finally {
    await client.end();
    hot.push(...(await service.stop()));
  }
}

async function benchBackfill(rounds: number, busy: BusyOptions, withPeer: boolean): Promise<object> {
  const chain = await startChain();
  try {
    const fromMs = performance.now();
    await fillChain(chain.anvil, chain.admin, chain.book, busy);
    process.stderr.write(`${busy.events} stakes in ${busy.blocks} blocks made in ${Math.round((performance.now() - fromMs) / 1_000)} s\n`);
    const staked = await totalStaked(chain.admin, chain.book);
    const runs: Backfill[] = [];
    const peer = withPeer ? await Peer.install() : undefined;
    const ours = (profiled: boolean): Promise<Backfill> => withServer(async (server) => backfill(chain, await makeDatabases(server, 'staking-indexer'), staked, profiled));
    for (let round = 0; round < rounds; round += 1) {
      runs.push(await ours(false));
      await peer?.round(chain, staked);
    }
    const profiled = await ours(true);
    const rate = (seconds: (run: Backfill) => number): Spread => spreadOf(runs.map((run) => busy.events / seconds(run)));
    const beside = peer?.beside(busy.events, runs.map(({ seconds }) => seconds));
    return {
      ...busy, events_per_second: rate(({ seconds }) => seconds), positions_events_per_second: rate(({ positionsSeconds }) => positionsSeconds), hottest: profiled.hot,
      ...(beside === undefined ? {} : { peer: beside }),
    };
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

/** Events per second of a backfill into read models, how soon a block's stake is seen, and answers about the past. */
export async function benchIndexer({ rounds, quick, only }: IndexerOptions): Promise<object> {
  const wanted = (name: string): boolean => (only.length === 0 ? !(quick && name === 'peer') : only.includes(name));
  const around = await withServer((server) => surroundings(server));
  const busy = quick ? { events: 8_000, blocks: 200 } : { events: 200_000, blocks: 5_000 };
  return {
    ...around,
    poll_ms: POLL_MS,
    ...(wanted('backfill') || wanted('peer') ? { backfill: await benchBackfill(rounds, busy, wanted('peer')) } : {}),
    ...(wanted('live') ? { live: await benchLive(quick ? 20 : 200) } : {}),
    ...(wanted('as-of') ? { as_of: await benchAsOf({ facts: quick ? 100_000 : 1_000_000 }) } : {}),
  };
}
