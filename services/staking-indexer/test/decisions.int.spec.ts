import type { AddressBook } from '@skein/contracts-evm';
import { EventStore, eventsMigrations } from '@skein/events';
import { FakeClock, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecideRoots } from '../src/application/outbox/decide-roots.js';
import { GrantPools } from '../src/application/outbox/grant-pools.js';
import type { GrantTotal } from '../src/application/outbox/grant-totals.js';
import { OutboxDesk } from '../src/application/outbox/outbox-desk.js';
import { OutboxStore } from '../src/application/outbox/outbox-store.js';
import { TakeDecisions } from '../src/application/outbox/take-decisions.js';
import { grantsDecider } from '../src/domain/grants/grants.decider.js';
import { grantsStreamId } from '../src/domain/grants/grants.events.js';

const account = (digit: string): string => `0x${digit.repeat(40)}`;
const pools = new Map([[account('1'), account('a')]]);
const metadata = { correlationId: 'test', actor: 'test' };

let database: TestDatabase;
let store: EventStore;
let desk: OutboxDesk;
let outbox: OutboxStore;
/** What the contract says: its epoch, or an owner's pool. */
let epoch = 0n;
const views: Readonly<Record<string, (arg: string) => unknown>> = {
  currentEpoch: () => epoch,
  epochSeconds: () => 60n,
  minted: () => false,
  poolOf: (owner) => pools.get(owner) ?? account('0'),
};
const chain = {
  finalised: async () => ({ number: 3, hash: '0x3' }),
  read: async ({ functionName, args }: { functionName: string; args: readonly unknown[] }): Promise<unknown> => views[functionName]!(String(args[0])),
};
const book = { chainId: 31337, rewards: account('b'), poolManager: account('c'), emission: account('d') } as AddressBook;

beforeAll(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
  outbox = new OutboxStore(store, 31337);
  desk = new OutboxDesk(outbox);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

const granted = async () => (await store.state(grantsDecider, grantsStreamId(31337))).state;

test('a decision counts once, with its pools’ parts; one told otherwise is refused', async () => {
  const decisions = new TakeDecisions({ store, desk, book });
  const rewards = [{ account: account('1'), units: 60n, poolUnits: 30n }, { account: account('2'), units: 10n, poolUnits: 0n }];
  await decisions.paid('tasks/x/epochs/1', rewards, metadata);
  await decisions.paid('tasks/x/epochs/1', rewards, metadata);
  expect(await granted()).toMatchObject({ decisions: 1, sum: 70n });
  const pays = new GrantPools({ outbox, chain, book, clock: new FakeClock(), grant: (...grant) => decisions.grant(...grant) });
  await pays.step();
  await pays.step();
  expect(await granted()).toEqual({ decisions: 2, sum: 100n, lastEpoch: -1n });
  expect((await store.readStream(grantsStreamId(31337))).map(({ data }) => data)).toMatchObject([
    { grants: [{ account: account('1'), units: 60n }, { account: account('2'), units: 10n }] },
    { cause: `tasks/x/epochs/1/pools/${account('1')}`, grants: [{ account: account('a'), units: 30n }] },
  ]);
  await expect(decisions.paid('tasks/x/epochs/1', rewards.slice(1), metadata)).rejects.toMatchObject({ rejection: { rule: 'idempotency-key-reused' } });
  expect((await granted()).sum).toBe(100n);
});

test('a root is decided once its epoch is over, the read model has seen every grant and payouts may go on; it states their sum', async () => {
  let seen = 0;
  const all: GrantTotal[] = [
    { account: account('1'), taskId: '', total: 60n, start: 0n, duration: 0n },
    { account: account('a'), taskId: '', total: 30n, start: 0n, duration: 0n },
    { account: account('2'), taskId: '', total: 10n, start: 0n, duration: 0n },
  ];
  let given = all.slice(1);
  const totals = { decisions: async () => seen, totals: async () => given, newestRoot: async () => undefined };
  const roots = new DecideRoots({ store, totals, chain, domain: book, outbox, desk, mayPay: async () => mayPay });
  let mayPay = false;
  await roots.step();
  expect((await outbox.state()).open.map(({ id }) => id).filter((id) => id.startsWith('epochs'))).toEqual([]);
  epoch = 3n;
  await roots.step();
  expect((await outbox.state()).open.map(({ id }) => id).filter((id) => id.startsWith('epochs'))).toEqual(['epochs/2/emission', 'epochs/1/emission', 'epochs/0/emission']);
  expect((await granted()).lastEpoch).toBe(-1n);
  seen = 2;
  // Payouts are frozen, or totals differ.
  await roots.step();
  expect((await granted()).lastEpoch).toBe(-1n);
  mayPay = true;
  await expect(roots.step()).rejects.toMatchObject({ rejection: { rule: 'root-sum-differs' } });
  given = all;
  await roots.step();
  await roots.step();
  expect(await granted()).toEqual({ decisions: 2, sum: 100n, lastEpoch: 2n });
});
