import { EventStore, eventsMigrations, migrate, projectionSink, Subscription } from '@skein/events';
import type { ChainEvent } from '@skein/staking-indexer/domain';
import { stakingProjection, StakingQueries } from '@skein/staking-indexer/projections';
import type pg from 'pg';
import { poolOf, surroundings, withServer } from '../event-store/server.js';
import { median, percentile } from '../stats.js';
import { blockOf, numbers, stakeEvents, taskOf, walletOf } from './stakes.js';

const ROUNDS = 2_000;
const WARM = 100;
const PAGE = 100;
const EVENTS_PER_APPEND = 64;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const rounded = (ms: number): number => Number(ms.toFixed(2));

async function fill(store: EventStore, facts: number): Promise<void> {
  let batch: ChainEvent[] = [];
  const append = async (): Promise<void> => {
    if (batch.length > 0) await store.append('chain-31337', 'any', batch, { correlationId: 'bench', actor: 'bench' });
    batch = [];
  };
  for (const event of stakeEvents(facts)) if (batch.push(event) === EVENTS_PER_APPEND) await append();
  await append();
}

async function measure(ask: (draw: (below: number) => number) => Promise<unknown>): Promise<Latency> {
  const draw = numbers(7);
  const took: number[] = [];
  for (let round = 0; round < ROUNDS + WARM; round += 1) {
    const began = performance.now();
    await ask(draw);
    if (round >= WARM) took.push(performance.now() - began);
  }
  return { p50Ms: rounded(median(took)), p99Ms: rounded(percentile(took, 0.99)), maxMs: rounded(Math.max(...took)) };
}

/** Runs a query and lists the tables that its plan reads wholly: a history must never be one of them. */
async function tablesReadWhole(pool: pg.Pool, ask: (queries: StakingQueries) => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  const explaining = {
    query: async (text: string, values: unknown[]) => {
      const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      for (const { 'QUERY PLAN': line } of rows) found.push(...(/Seq Scan on (\w+)/.exec(line)?.slice(1) ?? []));
      return pool.query(text, values);
    },
  } as unknown as pg.Pool;
  await ask(new StakingQueries(explaining));
  return [...new Set(found)];
}

async function benchOn(pool: pg.Pool, facts: number): Promise<object> {
  const store = new EventStore({ pool });
  say(`${facts} facts`);
  await fill(store, facts);
  const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
  await new Subscription({ store, sink: projectionSink(store, stakingProjection), batchSize: 64 }).catchUp(600_000);
  const rowsSeconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  say(`rows after ${rowsSeconds.toFixed(1)} s`);
  await pool.query('VACUUM ANALYZE');
  const queries = new StakingQueries(pool);
  const last = blockOf(facts);
  const asks = {
    position: async (q: StakingQueries, draw: (below: number) => number) => {
      const [wallet, block] = [walletOf(1 + draw(10_000)), 1 + draw(last)];
      await q.stakes({ wallet, limit: 1_000 }, { block });
      await q.locksOf(wallet, 1_000, { block });
    },
    busyPosition: (q: StakingQueries, draw: (below: number) => number) => q.stakes({ wallet: walletOf(0), limit: 1_000 }, { block: 1 + draw(last) }),
    pageOfTask: (q: StakingQueries, draw: (below: number) => number) => q.stakes({ taskId: taskOf(draw(100)), limit: PAGE }, { block: 1 + draw(last) }),
    totals: (q: StakingQueries, draw: (below: number) => number) => q.totals(taskOf(draw(100)), { block: 1 + draw(last) }),
    timeToBlock: (q: StakingQueries, draw: (below: number) => number) => q.blockAt(1_800_000_000_000 + draw(last) * 2_000),
  };
  const figures: Record<string, Latency> = {};
  const readWhole: string[] = [];
  for (const [name, ask] of Object.entries(asks)) {
    readWhole.push(...(await tablesReadWhole(pool, (q) => ask(q, numbers(3)))));
    figures[name] = await measure((draw) => ask(queries, draw));
    say(`${name}: p50 ${figures[name].p50Ms} ms, p99 ${figures[name].p99Ms} ms`);
  }
  const { rows } = await pool.query<{ n: string }>('SELECT count(*) AS n FROM staking.stake_at');
  await store.close();
  return { facts, versions: Number(rows[0]?.n), factsPerSecondIntoRows: Math.round(facts / rowsSeconds), nodeCpuSeconds: rounded((cpu.user + cpu.system) / 1e6), queries: figures, tablesReadWhole: [...new Set(readWhole)] };
}

/** Answers about the past at full size: each query's latency, and whether any of them reads a table wholly. */
export const benchAsOf = ({ facts }: { readonly facts: number }): Promise<object> =>
  withServer(async (server) => {
    const { ownerUrl, appUrl } = await server.createDatabase('as_of');
    const [owner, pool] = [poolOf(ownerUrl, 1), poolOf(appUrl, 4)];
    try {
      await migrate(owner, [eventsMigrations]);
      const measured = await benchOn(pool, facts);
      return { ...(await surroundings(server)), ...measured };
    } finally {
      await owner.end();
      await pool.end();
    }
  });
