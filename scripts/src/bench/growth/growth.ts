import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedPostgres } from '@skein/embedded';
import { treePssMiB } from '../../process/tree.js';
import { appendsPerSecond, commandsPerSecond, commandStreams, COMMAND_STREAM_EVENTS } from '../event-store/cases.js';
import { poolOf, surroundings, withServer } from '../event-store/server.js';
import { skeinContender, type SkeinContender } from '../event-store/skein.js';
import { spreadOf, type Spread } from '../stats.js';
import { benchCustomers } from './customers.js';
import { flatnessOf } from './flatness.js';
import { growTo } from './grow.js';

/** How far the store grows, and where it lies meanwhile. */
export interface GrowthOptions {
  readonly full: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly folder?: string;
  /** Of `stores`, `customers`; empty: both. */
  readonly only?: readonly string[];
}

interface Measured {
  readonly events: number;
  readonly appendsPerSecond: Spread;
  readonly commandMs: Spread;
  /** This process and PostgreSQL, after each of this size's turns. */
  readonly memoryMiB: Spread;
  readonly databaseMiB: number;
  readonly unsequencedKiB: number;
}

const BYTES_PER_EVENT = 1_000;
const EVENTS_PER_CALL = 6;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

function checkRoom(folder: string, events: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < events * BYTES_PER_EVENT * 1.5) throw new Error(`${folder} has not the room for ${events} events (about ${Math.round((events * BYTES_PER_EVENT) / 2 ** 20)} MiB)`);
}

/** A store of its own per size, so that the sizes can take turns: whatever else the machine does then meets all of them. */
interface Grown {
  readonly events: number;
  readonly contender: SkeinContender;
  readonly appends: number[];
  readonly commands: number[];
  readonly memoryMiB: number[];
}

async function open(server: EmbeddedPostgres, events: number): Promise<Grown> {
  const database = await server.createDatabase(`growth_${events}`);
  const contender = await skeinContender(database.ownerUrl, database.appUrl, 4);
  const owner = poolOf(database.ownerUrl, 1);
  await growTo(owner, events, (text) => events >= 1_000_000 && say(text));
  await owner.end();
  await appendsPerSecond(contender, 'warm', 8, 500, 1);
  return { events, contender, appends: [], commands: [], memoryMiB: [] };
}

async function visit(server: EmbeddedPostgres, grown: Grown, round: number): Promise<void> {
  const { contender, appends, commands, memoryMiB } = grown;
  appends.push(await appendsPerSecond(contender, `round-${round}`, 8, 3_000, 1));
  const streams = await commandStreams(contender, `round-${round}`);
  commands.push(1_000 / (await commandsPerSecond(contender, streams, 200, COMMAND_STREAM_EVENTS)));
  memoryMiB.push(treePssMiB(process.pid, (pid) => pid === process.pid) + treePssMiB(server.pid));
  say(`round ${round + 1}, ${grown.events} events: ${Math.round(appends.at(-1) ?? 0)} appends/s, a command ${commands.at(-1)?.toFixed(2)} ms`);
}

async function summary({ events, contender, appends, commands, memoryMiB }: Grown): Promise<Measured> {
  const { rows } = await contender.store.pool.query<{ bytes: string; unsequenced: string }>(
    `SELECT pg_database_size(current_database()) AS bytes, pg_table_size('es_unsequenced') AS unsequenced`);
  return {
    events, appendsPerSecond: spreadOf(appends), commandMs: spreadOf(commands), memoryMiB: spreadOf(memoryMiB),
    databaseMiB: Math.round(Number(rows[0]?.bytes ?? 0) / 2 ** 20), unsequencedKiB: Math.round(Number(rows[0]?.unsequenced ?? 0) / 1_024),
  };
}

async function benchStores(server: EmbeddedPostgres, sizes: readonly number[], rounds: number): Promise<object> {
  const stores: Grown[] = [];
  for (const events of sizes) stores.push(await open(server, events));
  for (let round = 0; round < rounds; round += 1) for (let turn = 0; turn < stores.length; turn += 1) await visit(server, stores[(turn + round) % stores.length]!, round);
  const figures: Measured[] = [];
  for (const grown of stores) figures.push(await summary(grown));
  for (const { contender } of stores) await contender.close();
  const flatness = flatnessOf(figures.map((one) => ({ events: one.events, appendsPerSecond: one.appendsPerSecond.median, commandMs: one.commandMs.median, memoryMiB: one.memoryMiB.median })));
  return { sizes: figures, flatness };
}

/**
 * `npm run bench -- growth`: the same appends and commands in stores of 10^4 events and more, and on ledgers of customers with
 * 10^3 paid calls and more. The folder is empty again afterwards.
 */
export async function benchGrowth({ full, quick, rounds, folder = tmpdir(), only = [] }: GrowthOptions): Promise<object> {
  const sizes = quick ? [1_000, 10_000] : [10_000, 100_000, 1_000_000, ...(full ? [10_000_000] : [])];
  const calls = quick ? [200, 2_000] : [1_000, 10_000, 100_000];
  const asked = (part: string): boolean => only.length === 0 || only.includes(part);
  const place = join(folder, `skein-growth-${process.pid}`);
  mkdirSync(place, { recursive: true });
  try {
    checkRoom(place, asked('stores') ? (sizes.at(-1) ?? 0) : (calls.at(-1) ?? 0) * EVENTS_PER_CALL);
    return await withServer(async (server) => {
      const customers = asked('customers') ? { customers: await benchCustomers(server, calls, rounds, say) } : {};
      const stores = asked('stores') ? await benchStores(server, sizes, rounds) : {};
      return { bench: 'growth', versions: await surroundings(server), rounds, fsync: false, ...stores, ...customers };
    }, { ephemeral: true, folder: place });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
