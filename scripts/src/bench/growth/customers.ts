import { ledgerDecider, NO_PAST, type CaptureCredit, type LedgerCommand, type LedgerEvent, type LedgerState, type ReserveCredit } from '@skein/billing/domain';
import { readPast } from '@skein/billing/projections';
import type { EmbeddedPostgres } from '@skein/embedded';
import { EventStore, eventsMigrations, migrate } from '@skein/events';
import { unwrap } from '@skein/kernel';
import pg from 'pg';
import { METADATA } from '../event-store/contender.js';
import { poolOf } from '../event-store/server.js';
import { median, spreadOf, type Spread } from '../stats.js';
import { brief, flatnessOf, type SizeSamples } from './flatness.js';
import { heapBytes } from './memory.js';
import { captureCall, paidCalls, reserveCall } from './paid-calls.js';

const BILLING = new URL('../../../../services/billing/src/migrations/', import.meta.url);
const APPEND = 256;
/** Cold commands of a round: their events cross a snapshot's interval, so that each round meets short tails and long ones. */
const COLD = 60;
const WARM = 60;
const HEAP_STATES = 40;
/** Visits of a round. In each, the customers take turns command by command, so that whatever else the machine does meets all. */
const VISITS = 3;

/** What a customer's age costs the next call. */
export interface CustomerFigures {
  readonly calls: number;
  readonly events: number;
  /** A reservation by a process that knows nothing of the ledger. */
  readonly coldMs: Spread;
  /** CPU time of this process for it. */
  readonly coldCpuMs: Spread;
  /** A reservation or capture by one that does. */
  readonly warmMs: Spread;
  /** What the ledger occupies in that process. */
  readonly heapKiB: Spread;
  /** The first command after all snapshots were deleted, or a new version of them is rolled out. */
  readonly withoutSnapshotMs: Spread;
}

interface Customer {
  readonly name: string;
  readonly calls: number;
  next: number;
  readonly coldMs: number[];
  readonly coldCpuMs: number[];
  readonly warmMs: number[];
  readonly heapKiB: number[];
  readonly withoutSnapshotMs: number[];
}

/** Of many processes' states the mean, so that what else comes and goes on the heap is little beside them. */
async function heapOfOne(pool: pg.Pool, name: string): Promise<number> {
  const stores = Array.from({ length: HEAP_STATES }, () => new EventStore({ pool }));
  const before = heapBytes();
  for (const store of stores) await store.state(ledgerDecider, `ledger-${name}`);
  const after = heapBytes();
  for (const store of stores) await store.close();
  return (after - before) / 1_024 / HEAP_STATES;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** As billing does it: what is not open is asked of the log. */
async function give(store: EventStore, customer: Customer, command: ReserveCredit | CaptureCredit): Promise<void> {
  const streamId = `ledger-${customer.name}`;
  const { reservationId } = command;
  const given = await store.execute<LedgerState, LedgerCommand, LedgerEvent>({
    decider: ledgerDecider, streamId, metadata: METADATA,
    command: async (nowMs, state, version) => ({ ...command, nowMs, past: state.holds.has(reservationId) ? NO_PAST : await readPast(store, streamId, reservationId, version) }),
  });
  if (unwrap(given).events.length === 0) throw new Error(`${command.type} of ${reservationId} did nothing`);
}

/** A reservation by a store that knows nothing of the ledger: milliseconds, and those of this process's CPU. */
async function coldCall(pool: pg.Pool, customer: Customer): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const store = new EventStore({ pool });
  const call = (customer.next += 1);
  const before = process.cpuUsage();
  const ms = await timed(() => give(store, customer, reserveCall(customer.name, call)));
  const { user, system } = process.cpuUsage(before);
  await give(store, customer, captureCall(customer.name, call));
  await store.close();
  return { ms, cpuMs: (user + system) / 1_000 };
}

/** The customers from another one on at each turn, so that none always comes behind the same. */
const inTurn = (customers: readonly Customer[], turn: number): Customer[] => customers.map((_, at) => customers[(at + turn) % customers.length]!);

async function visitCold(pool: pg.Pool, customers: readonly Customer[]): Promise<void> {
  const calls = new Map(customers.map((customer) => [customer, { ms: [] as number[], cpuMs: [] as number[] }]));
  for (let turn = 0; turn < COLD; turn += 1)
    for (const customer of inTurn(customers, turn)) {
      const { ms, cpuMs } = await coldCall(pool, customer);
      calls.get(customer)?.ms.push(ms);
      calls.get(customer)?.cpuMs.push(cpuMs);
    }
  for (const [customer, { ms, cpuMs }] of calls) {
    customer.coldMs.push(median(ms));
    customer.coldCpuMs.push(cpuMs.reduce((sum, one) => sum + one, 0) / COLD);
  }
}

async function visitWarm(pool: pg.Pool, customers: readonly Customer[]): Promise<void> {
  const calls = new Map(customers.map((customer) => [customer, { store: new EventStore({ pool }), ms: [] as number[] }]));
  for (const [{ name }, { store }] of calls) await store.state(ledgerDecider, `ledger-${name}`);
  for (let turn = 0; turn < WARM; turn += 1)
    for (const customer of inTurn(customers, turn)) {
      const { store, ms } = calls.get(customer)!;
      const call = (customer.next += 1);
      for (const command of [reserveCall(customer.name, call), captureCall(customer.name, call)]) ms.push(await timed(() => give(store, customer, command)));
    }
  for (const [customer, { store, ms }] of calls) {
    customer.warmMs.push(median(ms));
    await store.close();
  }
}

async function visit(pool: pg.Pool, customers: readonly Customer[]): Promise<void> {
  await visitCold(pool, customers);
  await visitWarm(pool, customers);
  for (const customer of customers) customer.heapKiB.push(await heapOfOne(pool, customer.name));
}

async function withoutSnapshot(pool: pg.Pool, customer: Customer): Promise<void> {
  await pool.query('DELETE FROM es_snapshot WHERE stream_id = $1', [`ledger-${customer.name}`]);
  const store = new EventStore({ pool });
  const call = (customer.next += 1);
  customer.withoutSnapshotMs.push(await timed(() => give(store, customer, reserveCall(customer.name, call))));
  await give(store, customer, captureCall(customer.name, call));
  await store.close();
}

async function open(pool: pg.Pool, calls: number): Promise<Customer> {
  const name = `c${calls}`;
  const store = new EventStore({ pool });
  let version = 0;
  for (const events of paidCalls(name, calls, APPEND)) ({ version } = await store.append(`ledger-${name}`, version, events, METADATA));
  await store.headPosition();
  await store.close();
  const customer: Customer = { name, calls, next: calls, coldMs: [], coldCpuMs: [], warmMs: [], heapKiB: [], withoutSnapshotMs: [] };
  await withoutSnapshot(pool, customer);
  return customer;
}

async function summary(pool: pg.Pool, { name, calls, coldMs, coldCpuMs, warmMs, heapKiB: heap, withoutSnapshotMs }: Customer): Promise<CustomerFigures> {
  const { rows } = await pool.query<{ events: number }>('SELECT max(version) AS events FROM es_event WHERE stream_id = $1', [`ledger-${name}`]);
  return { calls, events: rows[0]?.events ?? 0, coldMs: spreadOf(coldMs), coldCpuMs: spreadOf(coldCpuMs), warmMs: spreadOf(warmMs), heapKiB: spreadOf(heap), withoutSnapshotMs: spreadOf(withoutSnapshotMs) };
}

const samplesOf = ({ calls, coldMs, coldCpuMs, warmMs, heapKiB: heap }: Customer): SizeSamples => ({ size: calls, samples: { coldMs, coldCpuMs, warmMs, heapKiB: heap } });

/** Customers with few and many paid calls side by side: what a call costs the next one, and the process that serves it. */
export async function benchCustomers(server: EmbeddedPostgres, sizes: readonly number[], rounds: number, say: (text: string) => void): Promise<object> {
  const { ownerUrl, appUrl } = await server.createDatabase('growth_customers');
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  await migrate(owner, [eventsMigrations, BILLING]);
  const pool = poolOf(appUrl, 4);
  const customers: Customer[] = [];
  for (const calls of sizes) {
    customers.push(await open(pool, calls));
    say(`a customer with ${calls} paid calls`);
  }
  // What autovacuum would have done long ago.
  await owner.query('VACUUM (ANALYZE) es_event, es_position, es_unsequenced');
  await owner.end();
  // The first visit is for the compiler.
  await visit(pool, customers);
  for (const { coldMs, coldCpuMs, warmMs, heapKiB: heap } of customers) coldMs.length = coldCpuMs.length = warmMs.length = heap.length = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < VISITS; turn += 1) await visit(pool, customers);
    say(`round ${round + 1}: ${customers.map(({ calls, coldMs, warmMs, heapKiB: heap }) => `${calls} calls: cold ${coldMs.at(-1)?.toFixed(2)} ms, warm ${warmMs.at(-1)?.toFixed(2)} ms, ${Math.round(heap.at(-1) ?? 0)} KiB`).join('; ')}`);
  }
  const figures: CustomerFigures[] = [];
  for (const customer of customers) {
    await withoutSnapshot(pool, customer);
    figures.push(await summary(pool, customer));
  }
  await pool.end();
  const flatness = flatnessOf(customers.map(samplesOf));
  for (const [measure, growth] of Object.entries(flatness.growth)) for (const one of growth) say(`${measure} of a customer with ${brief(one)}`);
  return { sizes: figures, flatness };
}
