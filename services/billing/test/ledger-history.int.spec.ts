import { readFileSync } from 'node:fs';
import { archiveStream, EventStore, type EventMetadata } from '@skein/events';
import { canonicalJson, fold, type Result } from '@skein/kernel';
import { migrationsOf, PayoutFreeze } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bookings } from '../src/application/bookings.js';
import { pastFor } from '../src/application/credit.js';
import { taskLedger } from '../src/application/names.js';
import { billingService } from '../src/billing.service.js';
import type { BuyCredit, CaptureCredit, LedgerCommand, ReleaseCredit, ReserveCredit } from '../src/domain/ledger/ledger.commands.js';
import { ledgerDecider } from '../src/domain/ledger/ledger.decider.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';
import { ledgerSnapshot } from '../src/domain/ledger/ledger.snapshot.js';
import type { LedgerState } from '../src/domain/ledger/ledger.state.js';
import { keyOf, keysOf, pastOf } from '../src/domain/ledger/past.js';
import { buy, capture, nothingPlayed, release, reserve, step } from '../src/domain/ledger/test-ledger.js';
import { vestedBooking } from '../src/domain/reward/bookings.policy.js';
import { SqlLedgerHistory } from '../src/infrastructure/sql-ledger-history.js';
import { PAST } from '../src/projections/ledger-past.js';
import { GOLDEN_STREAM, goldenAppends, goldenDecisions } from './golden-ledger.js';

const metadata: EventMetadata = { correlationId: 'correlation', actor: 'test' };
const textOf = (state: LedgerState): string => canonicalJson(ledgerSnapshot.encode(state));
let db: TestDatabase;
const open = (): EventStore => new EventStore({ pool: db.appPool });
beforeAll(async () => {
  db = await freshDatabase(...migrationsOf(billingService));
});
afterAll(() => db.drop());

type OfOne = BuyCredit | ReserveCredit | CaptureCredit | ReleaseCredit;
const idOf = (command: OfOne): string => (command.type === 'buy-credit' ? command.purchaseId : command.reservationId);

/** A command as the application gives it, on a store that may know nothing yet. Snapshots are taken often. */
async function give(store: EventStore, streamId: string, command: OfOne): Promise<Result<readonly LedgerEvent[]>> {
  const history = new SqlLedgerHistory(store);
  const given = await store.execute<LedgerState, LedgerCommand, LedgerEvent>({
    decider: often, streamId, metadata,
    command: async (_nowMs, state, version) => ({ ...command, past: await pastFor(history, streamId, idOf(command), state, version) }),
  });
  return given.ok ? { ok: true, value: given.value.events.map(({ type, data }) => ({ type, data }) as LedgerEvent) } : given;
}
const often = { ...ledgerDecider, snapshot: { ...ledgerSnapshot, every: 7 } };

const reservation = fc.integer({ min: 0, max: 6 }).map((index) => `r${index}`);
/** Fractions that round up at every other call. */
const price = fc.constantFrom(1, 2, 3).map((priceVersion) => ({ priceVersion, unitPriceE15: 400_500_000n + BigInt(priceVersion) }));
const command = fc.oneof(
  fc.tuple(fc.bigInt({ min: 1n, max: 3_000n }), fc.integer({ min: 0, max: 3 })).map(([amount, index]) => buy(amount, `p${index}`)),
  fc.tuple(reservation, fc.bigInt({ min: 500n, max: 2_500n }), fc.integer({ min: 0, max: 90_000 }), price).map(([id, amount, nowMs, at]) => reserve(id, amount, { nowMs, ...at })),
  fc.tuple(reservation, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 0, max: 150_000 })).map(([id, units, nowMs]) => capture(id, units, 300_000_000n, nowMs)),
  fc.tuple(reservation, fc.constantFrom('failed', 'expired'), fc.integer({ min: 0, max: 150_000 })).map(([id, reason, nowMs]) => release(id, reason, nowMs)),
) as fc.Arbitrary<OfOne>;
/** What happens before a command: nothing, the process is another one, the snapshots are gone, the stream is archived but for its end. */
const before = fc.constantFrom('same', 'same', 'restart', 'forget', 'archive');

test('whatever is retried, restarted, forgotten or archived: the decisions of one who remembers everything', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(before, command), { maxLength: 40 }), async (steps) => {
      const streamId = `ledger-run-${(run += 1)}`;
      let played = nothingPlayed();
      let store = open();
      for (const [what, each] of steps) {
        if (what !== 'same') {
          await store.close();
          store = open();
        }
        if (what === 'forget') await db.appPool.query('DELETE FROM es_snapshot WHERE stream_id = $1', [streamId]);
        if (what === 'archive') {
          await store.headPosition();
          await archiveStream(db.appPool, streamId);
        }
        const next = step(played, each);
        expect(await give(store, streamId, each)).toEqual(next.decided);
        played = next;
      }
      await store.close();
      expect(textOf((await open().state(often, streamId)).state)).toBe(textOf(fold(ledgerDecider, played.log)));
    }),
    { numRuns: 25 },
  );
}, 120_000);

test('the same commands at once, from two processes: one effect each', async () => {
  const [one, other] = [open(), open()];
  const both = (each: OfOne): Promise<Result<readonly LedgerEvent[]>[]> => Promise.all([one, other, one, other].map((store) => give(store, 'ledger-race', each)));
  const events = async (each: OfOne): Promise<number[]> => (await both(each)).map((given) => (given.ok ? given.value.length : -1)).filter((count) => count !== 0);
  const [bought, reserved, captured] = [await events(buy(50_000n) as OfOne), await events(reserve('r1', 1_200n) as OfOne), await events(capture('r1') as OfOne)];
  expect([bought, reserved, captured]).toEqual([[4], [3], [3]]);
  const ends = (await Promise.all([...Array.from({ length: 6 }, (_, index) => [reserve(`c${index}`, 1_200n), release(`c${index}`)])].flat().map((each, index) => give(index % 2 ? one : other, 'ledger-race', each as OfOne)))).filter(({ ok }) => ok);
  expect(ends.length).toBeGreaterThanOrEqual(6);
  const { state } = await open().state(ledgerDecider, 'ledger-race');
  // Whichever came first: a release that found nothing has kept its reservation from being made.
  expect([state.holds.size, state.books.transfers.size]).toEqual([0, 0]);
});

test('a booking is made once, whether by message or by timer, in one process or another, however many transfers it has', async () => {
  const task = taskLedger('tasks/018f0000-0000-7000-8000-00000000aaaa');
  const rewards = Array.from({ length: 230 }, (_, index) => ({ wallet: `w${index}`, amount: BigInt(index + 1), poolAmount: 0n }));
  const booking = vestedBooking(task, 'message-1/vested', rewards);
  const [one, other] = [open(), open()];
  const freeze = new PayoutFreeze(db.appPool);
  await freeze.pass({ chain: 'eip155:31337', version: 1n, logSinceMs: 0n, block: 0n, checkedAtMs: 10n ** 15n, holdsForMs: 10n ** 9n });
  const book = (store: EventStore, given = booking): Promise<void> => new Bookings(store, new SqlLedgerHistory(store), freeze).book({ ok: true, value: given }, metadata);
  await Promise.all([book(one), book(other), book(one)]);
  await other.headPosition();
  await archiveStream(db.appPool, task.ledgerId);
  await book(other);
  const { state, version } = await other.state(ledgerDecider, task.ledgerId);
  expect([version, state.books.transfers.size]).toEqual([6, 0]);
  expect(state.books.accounts.get('payable.node/w229')?.creditsPosted).toBe(230n);
  const forged = { ...booking, transfers: booking.transfers.map((transfer, index) => (index === 229 ? { ...transfer, amount: 231n } : transfer)) };
  await expect(book(one, forged)).rejects.toMatchObject({ rejection: { code: 'conflict', rule: 'booking-differs' } });
  await expect(book(one, { ...booking, transfers: booking.transfers.slice(0, 100) })).rejects.toMatchObject({ rejection: { rule: 'booking-differs' } });
  await Promise.all([one.close(), other.close()]);
});

test('a data folder of the program before is read, indexed by the migration, and goes on', async () => {
  await db.ownerPool.query('DROP INDEX ledger_past, ledger_past_archived, ledger_booked, ledger_booked_archived, ledger_price, ledger_price_archived');
  const store = open();
  for (const events of goldenAppends()) await store.append(GOLDEN_STREAM, 'any', events, metadata);
  for (const migration of ['0002_ledger_past', '0004_ledger_price']) await db.ownerPool.query(readFileSync(new URL(`../src/migrations/${migration}.sql`, import.meta.url), 'utf8'));
  const log = goldenAppends().flat();
  const history = new SqlLedgerHistory(store);
  const onCredit = goldenDecisions().map(({ command: each }) => each).filter((each): each is OfOne => each.type !== 'book-decision' && each.type !== 'apply-transfers');
  const ids = [...new Set(onCredit.map(idOf))];
  expect(ids.length).toBeGreaterThan(40);
  for (const id of ids)
    for (const version of [log.length, Math.floor(log.length / 2)])
      expect(await history.past(GOLDEN_STREAM, id, version)).toEqual(pastOf(log.slice(0, version).filter((event) => keysOf(id).includes(keyOf(event) ?? ''))));
  let played = { state: fold(ledgerDecider, log), log: log as readonly LedgerEvent[] };
  for (const each of onCredit) {
    const late = { ...each, nowMs: 10_000_000 };
    const next = step(played, late);
    expect(await give(store, GOLDEN_STREAM, late)).toEqual(next.decided);
    played = next;
  }
  await store.close();
}, 120_000);

test('the past is found by its index, not by a look through the ledger', async () => {
  await db.ownerPool.query('ANALYZE es_event');
  const text = PAST.replace('$1', `'${GOLDEN_STREAM}'`).replace('$2', `'{a,b}'`).replace('$3', '5000');
  const { rows } = await db.ownerPool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/ledger_past on es_event/);
});

test('no program can charge a reservation twice, whatever it believes', async () => {
  const store = open();
  const charged = goldenAppends().flat().find((event) => event.type === 'skein.billing.ledger.call-charged.v1')!;
  await store.append('ledger-twice', 'any', [charged], metadata);
  await expect(store.append('ledger-twice', 'any', [charged], metadata)).rejects.toMatchObject({ code: '23505', constraint: 'ledger_past' });
  await store.append('ledger-another', 'any', [charged], metadata);
  await store.close();
});
