import { canonicalJson, fold } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { available } from './account.js';
import type { LedgerCommand } from './ledger.commands.js';
import { ledgerDecider } from './ledger.decider.js';
import type { LedgerEvent } from './ledger.events.js';
import { buy, capture, release, reserve, step } from './test-ledger.js';
import { IdIndex } from './id-index.js';
import { trialBalance } from './trial-balance.policy.js';

const reservation = fc.integer({ min: 0, max: 6 }).map((index) => `r${index}`);
const command: fc.Arbitrary<LedgerCommand> = fc.oneof(
  fc.tuple(fc.bigInt({ min: 1n, max: 3_000n }), fc.integer({ min: 0, max: 3 })).map(([amount, index]) => buy(amount, `p${index}`)),
  fc.tuple(reservation, fc.bigInt({ min: 500n, max: 2_500n }), fc.integer({ min: 0, max: 90_000 })).map(([id, amount, nowMs]) => reserve(id, amount, { nowMs })),
  fc.tuple(reservation, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 0, max: 150_000 })).map(([id, units, nowMs]) => capture(id, units, 300_000_000n, nowMs)),
  fc.tuple(reservation, fc.constantFrom('failed', 'expired'), fc.integer({ min: 0, max: 150_000 })).map(([id, reason, nowMs]) => release(id, reason, nowMs)),
);
const story = fc.array(command, { maxLength: 60 });

test('after every prefix: debits = credits, nothing overdrawn, clearing empty, each reservation resolved at most once', () => {
  fc.assert(
    fc.property(story, (commands) => {
      let state = ledgerDecider.initialState();
      const ends = new Map<string, string>();
      for (const each of commands) {
        const before = state;
        const { state: after, decided } = step(state, each);
        state = after;
        if (!decided.ok) expect(state).toBe(before);
        for (const event of decided.ok ? decided.value : []) expectOneEnd(ends, event);
        expect(trialBalance(state.books.accounts.values()).difference).toBe(0n);
        expect(available(state.books.accounts.get('credit.available')) >= 0n).toBe(true);
        const clearing = state.books.accounts.get('cash.clearing');
        if (clearing) expect(clearing.creditsPosted).toBe(clearing.debitsPosted);
        const held = [...state.holds.values()].filter(({ expired }) => !expired).reduce((sum, { amount }) => sum + amount, 0n);
        expect(state.books.accounts.get('credit.available')?.debitsPending ?? 0n).toBe(held);
      }
    }),
    { numRuns: 200 },
  );
});

function expectOneEnd(ends: Map<string, string>, event: LedgerEvent): void {
  if (event.type === 'skein.billing.ledger.call-charged.v1') {
    expect([undefined, 'expired']).toContain(ends.get(event.data.reservationId));
    ends.set(event.data.reservationId, 'charged');
    expect(event.data.compute + event.data.platform + event.data.parts.reduce((sum, { amount }) => sum + amount, 0n)).toBe(event.data.gross);
  }
  if (event.type === 'skein.billing.ledger.credit-released.v1') {
    expect([undefined, 'expired']).toContain(ends.get(event.data.reservationId));
    ends.set(event.data.reservationId, event.data.reason);
  }
}

test('replaying the events rebuilds balances and chain head', () => {
  fc.assert(
    fc.property(story, (commands) => {
      let state = ledgerDecider.initialState();
      const log: LedgerEvent[] = [];
      for (const each of commands) {
        const next = step(state, each);
        if (next.decided.ok) log.push(...next.decided.value);
        state = next.state;
      }
      const replayed = fold(ledgerDecider, log);
      expect(canonicalJson([...replayed.books.accounts])).toBe(canonicalJson([...state.books.accounts]));
      expect(replayed.head).toBe(state.head);
    }),
    { numRuns: 50 },
  );
});

test('the same usage in any order, with duplicates, bills the same total', () => {
  const calls = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 12 });
  const total = (captures: readonly number[], reserved: readonly number[]) => {
    let state = ledgerDecider.initialState();
    const price = { unitPriceE15: 333_333_333n };
    for (const each of [buy(1_000_000n), ...reserved.map((call) => reserve(`r${call}`, 400n, price)), ...captures.map((call) => capture(`r${call}`, 1, 0n))]) state = step(state, each).state;
    return state.books.accounts.get('credit.available')?.debitsPosted;
  };
  fc.assert(
    fc.property(calls, fc.array(fc.nat()), (ids, picks) => {
      const shuffled = [...ids].sort((a, b) => ((a * 7 + 3) % 31) - ((b * 7 + 3) % 31));
      expect(total([...picks.map((pick) => ids[pick % ids.length]!), ...shuffled], ids)).toBe(total(ids, ids));
    }),
    { numRuns: 60 },
  );
});

test('an index of ids behaves as a map and leaves older copies alone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.integer())), fc.array(fc.tuple(fc.string({ maxLength: 4 }), fc.integer())), (first, second) => {
      const older = IdIndex.empty<number>().withAll(first);
      const newer = older.withAll(second);
      const [expectedOlder, expectedNewer] = [new Map(first), new Map([...first, ...second])];
      expect([older.size, newer.size]).toEqual([expectedOlder.size, expectedNewer.size]);
      for (const [key] of [...first, ...second]) expect([older.get(key), newer.get(key)]).toEqual([expectedOlder.get(key), expectedNewer.get(key)]);
    }),
  );
});
