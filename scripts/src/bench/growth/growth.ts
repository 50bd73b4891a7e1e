import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedPostgres } from '@skein/embedded';
import { eventsMigrations, migrate } from '@skein/events';
import { asAdmin, poolOf, surroundings, withServer } from '../event-store/server.js';
import { median, spreadOf } from '../stats.js';
import { benchCustomers } from './customers.js';
import { brief, flatnessOf, type SizeSamples } from './flatness.js';
import { growTo } from './grow.js';
import type { StoreMemory } from './memory.js';
import { StoreProcess } from './store-process.js';

/** How far the store grows, and where it lies meanwhile. */
export interface GrowthOptions {
  readonly full: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly folder?: string;
  /** Of `stores`, `customers`; empty: both. */
  readonly only?: readonly string[];
}

const BYTES_PER_EVENT = 1_000;
const EVENTS_PER_CALL = 6;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

function checkRoom(folder: string, events: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < events * BYTES_PER_EVENT * 1.5) throw new Error(`${folder} has not the room for ${events} events (about ${Math.round((events * BYTES_PER_EVENT) / 2 ** 20)} MiB)`);
}

/** Before the first slice that counts: code that is compiled, connections, first pages of the indexes. */
const WARM_SLICES = 20;
/** Slices of a round; short, and the sizes take turns in each, so that whatever else the machine does meets all of them. */
const SLICES = 12;
const [APPENDS, COMMANDS] = [120, 20];

interface Filled {
  readonly events: number;
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/** A database and a process of its own per size. */
interface Grown extends Filled {
  readonly store: StoreProcess;
  readonly samples: Readonly<Record<'appendMs' | 'commandMs', number[]>>;
  readonly memory: Readonly<Record<keyof StoreMemory, number[]>>;
}

async function fill(server: EmbeddedPostgres, events: number, name: string): Promise<Filled> {
  const { ownerUrl, appUrl } = await server.createDatabase(name);
  const owner = poolOf(ownerUrl, 1);
  await migrate(owner, [eventsMigrations]);
  await growTo(owner, events, (text) => events >= 1_000_000 && say(text));
  await owner.end();
  return { events, ownerUrl, appUrl };
}

const start = async (filled: Filled): Promise<Grown> =>
  ({ ...filled, store: await StoreProcess.start(filled.ownerUrl, filled.appUrl), samples: { appendMs: [], commandMs: [] }, memory: { heapMiB: [], processMiB: [], backendsMiB: [] } });

async function oneSlice(stores: readonly Grown[], turn: number, counts: boolean): Promise<void> {
  for (let at = 0; at < stores.length; at += 1) {
    const { store, samples } = stores[(at + turn) % stores.length]!;
    const { appendMs, commandMs } = await store.slice(`${counts ? 'slice' : 'warm'}-${turn}`, APPENDS, COMMANDS);
    if (!counts) continue;
    samples.appendMs.push(appendMs);
    samples.commandMs.push(commandMs);
  }
}

async function remember({ store, memory }: Grown): Promise<void> {
  const now = await store.memory();
  for (const part of ['heapMiB', 'processMiB', 'backendsMiB'] as const) memory[part].push(now[part]);
}

function tell(stores: readonly Grown[], round: number): void {
  for (const { events, samples, memory } of stores) {
    const [appendMs, commandMs] = [median(samples.appendMs.slice(-SLICES)), median(samples.commandMs.slice(-SLICES))];
    say(`round ${round + 1}, ${events} events: ${Math.round(1_000 / appendMs)} appends/s, a command ${commandMs.toFixed(3)} ms, heap ${memory.heapMiB.at(-1)?.toFixed(1)} MiB, process ${memory.processMiB.at(-1)?.toFixed(0)} MiB, backends ${memory.backendsMiB.at(-1)?.toFixed(0)} MiB`);
  }
}

async function summary({ events, ownerUrl, samples, memory }: Grown): Promise<object> {
  const [row] = await asAdmin<{ bytes: string; unsequenced: string; head: string }>(ownerUrl,
    `SELECT pg_database_size(current_database()) AS bytes, pg_table_size('es_unsequenced') AS unsequenced, es_head() AS head`);
  return {
    events, eventsAtEnd: Number(row?.head ?? 0), appendsPerSecond: spreadOf(samples.appendMs.map((ms) => 1_000 / ms)), commandMs: spreadOf(samples.commandMs),
    heapMiB: spreadOf(memory.heapMiB), processMiB: spreadOf(memory.processMiB), backendsMiB: spreadOf(memory.backendsMiB),
    databaseMiB: Math.round(Number(row?.bytes ?? 0) / 2 ** 20), unsequencedKiB: Math.round(Number(row?.unsequenced ?? 0) / 1_024),
  };
}

const samplesOf = ({ events, samples, memory }: Grown): SizeSamples => ({ size: events, samples: { ...samples, ...memory } });

async function benchStores(server: EmbeddedPostgres, sizes: readonly number[], rounds: number): Promise<object> {
  const filled: Filled[] = [];
  for (const events of sizes) filled.push(await fill(server, events, `growth_${events}`));
  // Another store of the first size: what its ratios are from 1 is the method's own error.
  filled.push(await fill(server, sizes[0]!, 'growth_control'));
  // All at the same moment: a process that has been idle for two minutes has 11 MiB less, and still has after its rounds, so that
  // those which had waited for others to be filled would look smaller than the last ones.
  const all = await Promise.all(filled.map(start));
  const [stores, control] = [all.slice(0, -1), all.at(-1)!];
  for (let turn = 0; turn < WARM_SLICES; turn += 1) await oneSlice(all, turn, false);
  for (let round = 0; round < rounds; round += 1) {
    for (let slice = 0; slice < SLICES; slice += 1) await oneSlice(all, round * SLICES + slice, true);
    for (const one of all) await remember(one);
    tell(stores, round);
  }
  const figures: object[] = [];
  for (const grown of stores) figures.push(await summary(grown));
  for (const { store } of all) await store.stop();
  const flatness = flatnessOf(stores.map(samplesOf), samplesOf(control));
  for (const [measure, growth] of Object.entries(flatness.growth)) for (const one of growth) say(`${measure} at ${brief(one)}`);
  return { sizes: figures, flatness, control: flatnessOf([samplesOf(stores[0]!), samplesOf(control)]).growth };
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
