import { create, type DescMessage } from '@bufbuild/protobuf';
import { EpochRewardedSchema, TaskOpenedSchema } from '@skein/contracts/arena';
import type { AddressBook } from '@skein/contracts-evm';
import { EventStore, eventsMigrations, type RecordedEvent } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import type { Delivery } from '@skein/messaging';
import { FakeClock, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecideRoots, rootsReactor } from '../src/application/outbox/decide-roots.js';
import { GrantPools } from '../src/application/outbox/grant-pools.js';
import type { GrantTotal } from '../src/application/outbox/grant-totals.js';
import { OutboxDesk } from '../src/application/outbox/outbox-desk.js';
import { OutboxStore } from '../src/application/outbox/outbox-store.js';
import { TakeDecisions } from '../src/application/outbox/take-decisions.js';
import { grantsDecider } from '../src/domain/grants/grants.decider.js';
import { grantsStreamId } from '../src/domain/grants/grants.events.js';
import type { OpenIntent } from '../src/domain/outbox/outbox.state.js';
import { decisionHandlers } from '../src/interface/events/decisions.consumer.js';

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

const caip = (text: string): string => `eip155:31337:${text}`;
const told = (schema: DescMessage, message: Record<string, unknown>, id: string): [never, Delivery] => [
  create(schema, message) as never, { causationId: id, metadata: () => ({ ...metadata, causationId: id }) } as never,
];

test('a decision that cannot be carried out is kept with its reason, by name, and those behind it go on', async () => {
  const handlers = decisionHandlers(new TakeDecisions({ store, desk, book }));
  const hear = (type: string, schema: DescMessage, message: Record<string, unknown>, id: string): Promise<unknown> =>
    handlers.find((handler) => handler.type === type)!.handle(...told(schema, message, id));
  const task = 'tasks/0192f0c1-2b3c-7def-8123-000000000009';
  const reward = (paidUnits: string) => ({ task, epoch: 1, rewards: [{ wallet: caip(account('4')), role: 'node', paidUnits, poolPaidUnits: '0' }] });
  const rewarded = 'skein.arena.epoch.rewarded.v1';
  await hear(rewarded, EpochRewardedSchema, reward('five'), 'm-1');
  await hear(rewarded, EpochRewardedSchema, reward('five'), 'm-1');
  await hear('skein.arena.task.opened.v1', TaskOpenedSchema, { task: 'tasks/T', latestEndMs: 5_000n }, 'm-2');
  await hear(rewarded, EpochRewardedSchema, reward('5'), 'm-3');
  expect((await granted()).sum).toBe(105n);
  const held = (await outbox.state()).open.filter(({ intent }) => intent.kind === 'hold-decision');
  expect(held).toMatchObject([
    { id: `decisions/${rewarded}/m-1`, intent: { wanted: expect.stringContaining('"paidUnits":"five"') }, parked: { refusal: { error: 'units' } } },
    { id: 'decisions/skein.arena.task.opened.v1/m-2', parked: { refusal: { error: 'intent-field', message: expect.stringContaining('taskId') } } },
  ]);
  // The operator has looked.
  expect(await desk.withdraw(held[0]!.id, 'paid by hand', metadata)).toMatchObject({ ok: true });
  await hear(rewarded, EpochRewardedSchema, reward('five'), 'm-1');
  expect((await outbox.state()).open.filter(({ intent }) => intent.kind === 'hold-decision')).toHaveLength(1);
});

test('what time heals, and what is a fault of this code, is not kept as a decision: it is thrown', async () => {
  const decisions = new TakeDecisions({ store, desk, book });
  const name = { name: 'x/1', wanted: () => '{}' };
  const away = new RejectionError({ code: 'unavailable', rule: 'database-away', message: 'later', retriable: true });
  for (const error of [away, new TypeError('a fault')]) await expect(decisions.orHold(name, metadata, () => Promise.reject(error))).rejects.toBe(error);
  expect((await outbox.state()).open.map(({ id }) => id)).not.toContain('decisions/x/1');
});

test('however long nobody was here, every epoch that was never minted is asked for, and no other', async () => {
  const minted = new Set([0n, 1n, 2n, 250n]);
  const asked: bigint[] = [];
  const look = { finalised: chain.finalised, read: async ({ functionName, args }: { functionName: string; args: readonly unknown[] }) => (functionName === 'minted' ? minted.has(args[0] as bigint) : functionName === 'currentEpoch' ? 300n : 60n) };
  const own: Pick<OutboxDesk, 'accept'> = {
    accept: async (intent) => {
      if (intent.kind === 'mint-epoch') asked.push(intent.epoch);
      return { ok: true, value: '' };
    },
  };
  const totals = { decisions: async () => 0, totals: async () => [], newestRoot: async () => undefined };
  const open: OpenIntent[] = [];
  const away = new DecideRoots({ store, totals, chain: look, domain: book, outbox: { state: async () => ({ ...(await outbox.state()), open }) }, desk: own as OutboxDesk, mayPay: async () => false });
  await away.step();
  expect(asked.length).toBeLessThan(130);
  for (let step = 0; step < 10; step += 1) await away.step();
  expect(asked.toSorted((a, b) => Number(a - b))).toEqual(Array.from({ length: 300 }, (_, at) => BigInt(at)).filter((at) => !minted.has(at)));
});

test('a root that was asked for otherwise before is kept with its reason, and the next root goes on', async () => {
  const reactor = rootsReactor(new TakeDecisions({ store, desk, book }));
  const root = `0x${'d'.repeat(64)}`;
  const decided = (at: bigint, sum: bigint) => ({ type: 'skein.staking.root.decided.v1', eventId: `e-${at}`, data: { epoch: at, root, sum, decisions: 1 }, metadata }) as unknown as RecordedEvent;
  await desk.accept({ kind: 'post-root', epoch: 70n, revision: 0, root, sum: 1n }, { metadata });
  for (const event of [decided(70n, 2n), decided(70n, 2n), decided(71n, 3n), decided(72n, 1n << 128n)]) await reactor.handle(event);
  const { open } = await outbox.state();
  expect(open.map(({ id, parked }) => [id, parked?.refusal.error]).filter(([id]) => /root|epochs\/7\d\/rewards/.test(String(id)))).toEqual([
    ['epochs/70/rewards', undefined],
    ['decisions/skein.staking.root.decided.v1/e-70', 'intent-decided-otherwise'],
    ['epochs/71/rewards', undefined],
    ['decisions/skein.staking.root.decided.v1/e-72', 'intent-field'],
  ]);
});
