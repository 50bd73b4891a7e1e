import { EventStore } from '@skein/events';
import { migrationsOf, PayoutFreeze } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bookings } from '../src/application/bookings.js';
import { taskLedger } from '../src/application/names.js';
import { billingService } from '../src/billing.service.js';
import { ledgerDecider } from '../src/domain/ledger/ledger.decider.js';
import { vestedBooking } from '../src/domain/reward/bookings.policy.js';
import { SqlLedgerHistory } from '../src/infrastructure/sql-ledger-history.js';

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
afterAll(async () => {
  await store.close();
  await db.drop();
});

const metadata = { correlationId: 'test', actor: 'service:billing' };
const task = taskLedger('tasks/018f0000-0000-7000-8000-00000000bbbb');
const pay = (source: string): Promise<void> => bookings.book({ ok: true, value: vestedBooking(task, source, [{ wallet: 'w1', amount: 5n, poolAmount: 0n }]) }, metadata);
const tell = (version: bigint, frozen: boolean): Promise<void> =>
  freeze.take({ consumer: 'billing.reconciliation', messageId: `m${(messages += 1)}` }, { chain: 'eip155:31337', version, frozen, rule: frozen ? 'totals-differ' : '', reason: 'staked: 7, 8' });
const paid = async (): Promise<bigint> => (await store.state(ledgerDecider, task.ledgerId)).state.books.accounts.get('payable.node/w1')?.creditsPosted ?? 0n;

test('nothing is paid while payouts are frozen; what was refused is paid once after the thaw', async () => {
  await pay('message-1');
  expect(await paid()).toBe(5n);
  await tell(1n, true);
  await expect(pay('message-2')).rejects.toMatchObject({ rejection: { code: 'unavailable', rule: 'payouts-frozen', retriable: true, message: expect.stringContaining('eip155:31337 until an operator thaws: totals-differ: staked: 7, 8') } });
  expect(await paid()).toBe(5n);
  // A decision that moves no money yet is noted.
  await bookings.note(task, 'message-3', 'vesting-started', metadata, { consumer: 'billing.rewards', messageId: 'm' }, []);
  await tell(2n, false);
  await pay('message-2');
  await pay('message-2');
  expect(await paid()).toBe(10n);
});

test('an older message changes nothing', async () => {
  await tell(4n, true);
  await tell(3n, false);
  await expect(pay('message-4')).rejects.toMatchObject({ rejection: { rule: 'payouts-frozen' } });
  await tell(5n, false);
  await tell(4n, true);
  await pay('message-4');
  expect(await paid()).toBe(15n);
});
