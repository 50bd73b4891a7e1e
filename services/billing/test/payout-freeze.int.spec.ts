import { create } from '@bufbuild/protobuf';
import { EpochRewardedSchema } from '@skein/contracts/arena';
import { EventStore } from '@skein/events';
import type { Delivery } from '@skein/messaging';
import { migrationsOf, PayoutFreeze } from '@skein/platform';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Bookings } from '../src/application/bookings.js';
import { taskLedger } from '../src/application/names.js';
import { billingService } from '../src/billing.service.js';
import { ledgerDecider } from '../src/domain/ledger/ledger.decider.js';
import { vestedBooking } from '../src/domain/reward/bookings.policy.js';
import { SqlLedgerHistory } from '../src/infrastructure/sql-ledger-history.js';
import { rewardHandlers } from '../src/interface/events/rewards.consumer.js';

const chain = 'eip155:31337';
/** Later than any clock: what is said now. */
const NOW = 10n ** 15n;
const DAY_MS = 86_400_000n;

let db: TestDatabase;
let store: EventStore;
let freeze: PayoutFreeze;
let bookings: Bookings;
let messages = 0;

beforeAll(async () => {
  db = await freshDatabase(...migrationsOf(billingService));
  store = new EventStore({ pool: db.appPool });
  freeze = new PayoutFreeze(db.appPool);
  bookings = new Bookings(store, new SqlLedgerHistory(store), freeze);
});
beforeEach(async () => void (await db.appPool.query('DELETE FROM payout_freeze')));
afterAll(async () => {
  await store.close();
  await db.drop();
});

const metadata = { correlationId: 'test', actor: 'service:billing' };
const task = taskLedger('tasks/018f0000-0000-7000-8000-00000000bbbb');
const source = (): string => `message-${(messages += 1)}`;
const pay = (by: Bookings = bookings, stakesAsOf?: bigint): Promise<void> =>
  by.book({ ok: true, value: vestedBooking(task, source(), [{ wallet: 'w1', amount: 5n, poolAmount: 0n }]) }, metadata, undefined, stakesAsOf);
const tell = (version: bigint, frozen: boolean, logSinceMs = 1n): Promise<void> =>
  freeze.take({ chain, version, logSinceMs, frozen, rule: frozen ? 'totals-differ' : '', reason: 'staked: 7, 8' });
const pass = (version: bigint, { logSinceMs = 1n, block = 100n, checkedAtMs = NOW, holdsForMs = DAY_MS } = {}): Promise<void> =>
  freeze.pass({ chain, version, logSinceMs, block, checkedAtMs, holdsForMs });
const paid = async (): Promise<bigint> => (await store.state(ledgerDecider, task.ledgerId)).state.books.accounts.get('payable.node/w1')?.creditsPosted ?? 0n;
const refusedBy = (rule: string, message = '') => ({ rejection: { code: 'unavailable', rule, retriable: true, message: expect.stringContaining(message) } });

test('nothing is paid before the indexer has ever said that nothing differs', async () => {
  await expect(pay()).rejects.toMatchObject(refusedBy('reconciliation-missing'));
  // A thaw alone is no comparison either.
  await tell(1n, false);
  await expect(pay()).rejects.toMatchObject(refusedBy('reconciliation-stale', 'the last time was at block none'));
  await pass(2n);
  await pay();
  expect(await paid()).toBe(5n);
});

test('nothing is paid while payouts are frozen; what was refused is paid once after the thaw', async () => {
  await pass(1n);
  const before = await paid();
  await tell(2n, true);
  const refused = refusedBy('payouts-frozen', 'eip155:31337 until an operator thaws: totals-differ: staked: 7, 8');
  const again = { ok: true, value: vestedBooking(task, source(), [{ wallet: 'w1', amount: 5n, poolAmount: 0n }]) } as const;
  await expect(bookings.book(again, metadata)).rejects.toMatchObject(refused);
  expect(await paid()).toBe(before);
  // A decision that moves no money yet is noted.
  await bookings.note(task, source(), 'vesting-started', metadata, { consumer: 'billing.rewards', messageId: 'm' }, []);
  // No comparison lifts a freeze.
  await pass(3n);
  await expect(bookings.book(again, metadata)).rejects.toMatchObject(refused);
  await tell(4n, false);
  await bookings.book(again, metadata);
  await bookings.book(again, metadata);
  expect(await paid()).toBe(before + 5n);
});

test('what was said runs out: by the time of the comparison, however late it is heard, and never later than by the clock here', async () => {
  await pass(1n, { checkedAtMs: 1_000n });
  await expect(pay()).rejects.toMatchObject(refusedBy('reconciliation-stale', 'at block 100'));
  await pass(2n, { holdsForMs: 0n });
  await expect(pay()).rejects.toMatchObject(refusedBy('reconciliation-stale'));
  await pass(3n);
  await pay();
});

test('while the consumer of freezes has halted nothing is paid, though the last comparison holds', async () => {
  await pass(1n);
  const halt = (group: string) =>
    db.appPool.query(`INSERT INTO consumer_halts (group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, value, reason)
      VALUES ($1, 'staking.reconciliation.v1', 0, 7, $2, 'm', 'skein.staking.reconciliation.frozen.v1', 0, '{}', '\\xff', 'cannot be read')`, [group, chain]);
  await halt('billing.usage');
  await pay();
  await halt('billing.reconciliation');
  await expect(pay()).rejects.toMatchObject(refusedBy('reconciliation-halted'));
  await db.appPool.query('UPDATE consumer_halts SET cleared_at = clock_timestamp()');
  await pay();
});

test('a payout rests on stakes as of a block that has been compared: who is behind with that waits', async () => {
  await pass(1n, { block: 99n });
  await expect(pay(bookings, 100n)).rejects.toMatchObject(refusedBy('reconciliation-behind', 'as of block 100 before they are compared with their contracts: that was done up to block 99'));
  await pay(bookings, 99n);
  // The reward of an epoch names the block.
  const rewarded = create(EpochRewardedSchema, { task: task.subject, epoch: 1, mintedUnits: '5', carriedOutUnits: '5', stakeBlock: { number: 100n, hash: '0x' } });
  const take = () => epochRewarded.handle(rewarded, { causationId: 'epoch-1', metadata: () => metadata, inbox: { consumer: 'billing.rewards', messageId: 'epoch-1' } } as unknown as Delivery);
  const epochRewarded = rewardHandlers(bookings).find(({ type }) => type === 'skein.arena.epoch.rewarded.v1')!;
  await expect(take()).rejects.toMatchObject(refusedBy('reconciliation-behind'));
  await pass(2n, { block: 100n });
  await pay(bookings, 100n);
  await take();
});

test('an older message changes nothing', async () => {
  await pass(3n);
  await tell(5n, true);
  await tell(4n, false);
  await pass(4n);
  await expect(pay()).rejects.toMatchObject(refusedBy('payouts-frozen'));
  await tell(6n, false);
  await tell(5n, true);
  await pay();
});

test('an indexer that was built anew counts from its first version on; only its thaw lifts a freeze of the one before', async () => {
  await pass(70n);
  await tell(1n, true, 2n);
  await expect(pay()).rejects.toMatchObject(refusedBy('payouts-frozen'));
  await tell(2n, false, 2n);
  await tell(71n, true);
  await pay();
  // The other way round: the one before had frozen, and its log is gone.
  await tell(3n, true, 2n);
  await pass(1n, { logSinceMs: 3n });
  await expect(pay()).rejects.toMatchObject(refusedBy('payouts-frozen'));
  await tell(2n, false, 3n);
  await pay();
});

test('a freeze that comes between the look at the books and the append is obeyed', async () => {
  await pass(1n);
  const before = await paid();
  const history = new SqlLedgerHistory(store);
  const slow = new Bookings(store, { booking: async (...asked) => (await tell(2n, true), history.booking(...asked)) } as SqlLedgerHistory, freeze);
  await expect(pay(slow)).rejects.toMatchObject(refusedBy('payouts-frozen'));
  expect(await paid()).toBe(before);
});

test('a payout waits for a freeze that is under way, and a freeze for a payout that is', async () => {
  await pass(1n);
  const [client, before] = [await db.ownerPool.connect(), await paid()];
  try {
    const pid = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;
    await client.query('BEGIN');
    await client.query("UPDATE payout_freeze SET frozen = true, version = 2, rule = 'totals-differ'");
    const payment = pay().then(() => 'paid', (error: unknown) => error);
    await waitsFor(pid);
    await client.query('COMMIT');
    expect(await payment).toMatchObject(refusedBy('payouts-frozen'));
    await tell(3n, false);
    await client.query('BEGIN');
    await client.query("INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) VALUES ('ledger-x', 1, gen_random_uuid(), 'skein.billing.ledger.booked.v1', 1, '{\"what\":\"epoch\"}', '{}', 0)");
    const freezing = tell(4n, true);
    await waitsFor(pid);
    await client.query('ROLLBACK');
    await freezing;
  } finally {
    client.release();
  }
  await expect(pay()).rejects.toMatchObject(refusedBy('payouts-frozen'));
  expect(await paid()).toBe(before);
});

/** Until somebody waits for what this session has locked. */
const waitsFor = (pid: number): Promise<void> =>
  eventually(async () => {
    const { rows } = await db.ownerPool.query<{ count: number }>('SELECT count(*)::int FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))', [pid]);
    expect(rows[0]!.count).toBe(1);
  });
