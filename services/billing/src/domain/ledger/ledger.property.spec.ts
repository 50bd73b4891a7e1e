import { canonicalJson, decodePayload, encodePayload, fold } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundHalfEven } from '../charge/rate-aggregate.policy.js';
import { available } from './account.js';
import type { LedgerCommand } from './ledger.commands.js';
import { ledgerDecider } from './ledger.decider.js';
import type { LedgerEvent } from './ledger.events.js';
import { ledgerSnapshot } from './ledger.snapshot.js';
import type { LedgerState } from './ledger.state.js';
import { buy, capture, nothingPlayed, release, reserve, step } from './test-ledger.js';
import { trialBalance } from './trial-balance.policy.js';

const reservation = fc.integer({ min: 0, max: 6 }).map((index) => `r${index}`);
/** Prices whose fractions round up at every other call. */
const price = fc.constantFrom(1, 2, 3).map((priceVersion) => ({ priceVersion, unitPriceE15: 400_500_000n + BigInt(priceVersion) }));
const command: fc.Arbitrary<LedgerCommand> = fc.oneof(
  fc.tuple(fc.bigInt({ min: 1n, max: 3_000n }), fc.integer({ min: 0, max: 3 })).map(([amount, index]) => buy(amount, `p${index}`)),
  fc.tuple(reservation, fc.bigInt({ min: 500n, max: 2_500n }), fc.integer({ min: 0, max: 90_000 }), price).map(([id, amount, nowMs, at]) => reserve(id, amount, { nowMs, ...at })),
  fc.tuple(reservation, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 0, max: 150_000 })).map(([id, units, nowMs]) => capture(id, units, 300_000_000n, nowMs)),
  fc.tuple(reservation, fc.constantFrom('failed', 'expired'), fc.integer({ min: 0, max: 150_000 })).map(([id, reason, nowMs]) => release(id, reason, nowMs)),
);
const story = fc.array(command, { maxLength: 60 });

test('after every prefix: debits = credits, nothing overdrawn, clearing empty, each reservation resolved at most once', () => {
  fc.assert(
    fc.property(story, (commands) => {
      let played = nothingPlayed();
      const ends = new Map<string, string>();
      for (const each of commands) {
        const before = played.state;
        const next = step(played, each);
        played = next;
        const { state } = played;
        if (!next.decided.ok) expect(state).toBe(before);
        for (const event of next.decided.ok ? next.decided.value : []) expectOneEnd(ends, event);
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

test('the state remembers the transfers of open reservations and no others', () => {
  fc.assert(
    fc.property(story, (commands) => {
      const { state } = commands.reduce(step, nothingPlayed());
      const open = [...state.holds.values()].flatMap(({ reservationId, expired }) => (expired ? [`${reservationId}/end`, `${reservationId}/hold`] : [`${reservationId}/hold`]));
      expect([...state.books.transfers.keys()].sort()).toEqual(open.sort());
    }),
    { numRuns: 200 },
  );
});

test('what is charged at a price is its exact use, rounded once, however often the price was left and came back', () => {
  fc.assert(
    fc.property(story, (commands) => {
      const used = new Map<string, { exact: bigint; gross: bigint }>();
      const { log, state } = [buy(1_000_000n, 'p9'), ...commands].reduce(step, nothingPlayed());
      for (const event of log) {
        if (event.type !== 'skein.billing.ledger.call-charged.v1') continue;
        const { modelVersion, priceVersion, exactE15, gross, sumE15 } = event.data;
        const before = used.get(`${modelVersion}#${priceVersion}`) ?? { exact: 0n, gross: 0n };
        const after = { exact: before.exact + exactE15, gross: before.gross + gross };
        expect([sumE15, after.gross]).toEqual([after.exact, roundHalfEven(after.exact, 1_000_000n)]);
        used.set(`${modelVersion}#${priceVersion}`, after);
      }
      const open = new Set([...state.holds.values()].map(({ priceVersion }) => priceVersion));
      expect(state.rates.size).toBeLessThanOrEqual(1 + open.size);
    }),
    { numRuns: 200 },
  );
});

/** What a process gets that has only the snapshot. */
const restarted = (state: LedgerState): LedgerState => ledgerSnapshot.decode(decodePayload(JSON.parse(JSON.stringify(encodePayload(ledgerSnapshot.encode(state))))));
const textOf = (state: LedgerState): string => canonicalJson(ledgerSnapshot.encode(state));

test('with a snapshot after any command: the same decisions, the same events, the same state as without', () => {
  fc.assert(
    fc.property(story, fc.infiniteStream(fc.boolean()), (commands, borders) => {
      let [whole, cut] = [nothingPlayed(), nothingPlayed()];
      for (const each of commands) {
        const [one, other] = [step(whole, each), step(cut, each)];
        expect(other.decided).toEqual(one.decided);
        whole = one;
        cut = borders.next().value ? { ...other, state: restarted(other.state) } : other;
      }
      expect(textOf(cut.state)).toBe(textOf(whole.state));
      expect(textOf(fold(ledgerDecider, whole.log))).toBe(textOf(whole.state));
    }),
    { numRuns: 200 },
  );
});

test('a snapshot and what came after it, cut anywhere, give what all events give', () => {
  fc.assert(
    fc.property(story, fc.nat(), (commands, cut) => {
      const { log } = commands.reduce(step, nothingPlayed());
      const at = cut % (log.length + 1);
      expect(textOf(fold(ledgerDecider, log.slice(at), restarted(fold(ledgerDecider, log.slice(0, at)))))).toBe(textOf(fold(ledgerDecider, log)));
    }),
    { numRuns: 200 },
  );
});

test('a snapshot that does not balance is refused', () => {
  const { accounts, ...kept } = ledgerSnapshot.encode([buy(5_000n)].reduce(step, nothingPlayed()).state) as { accounts: { id: string; debitsPosted: bigint }[] };
  const forged = accounts.map((account) => (account.id === 'credit.available' ? { ...account, creditsPosted: 6_000n } : account));
  expect(() => ledgerSnapshot.decode({ ...kept, accounts: forged })).toThrow('balances');
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
      const { state, log } = commands.reduce(step, nothingPlayed());
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
    const price = { unitPriceE15: 333_333_333n };
    const commands = [buy(1_000_000n), ...reserved.map((call) => reserve(`r${call}`, 400n, price)), ...captures.map((call) => capture(`r${call}`, 1, 0n))];
    return commands.reduce(step, nothingPlayed()).state.books.accounts.get('credit.available')?.debitsPosted;
  };
  fc.assert(
    fc.property(calls, fc.array(fc.nat()), (ids, picks) => {
      const shuffled = [...ids].sort((a, b) => ((a * 7 + 3) % 31) - ((b * 7 + 3) % 31));
      expect(total([...picks.map((pick) => ids[pick % ids.length]!), ...shuffled], ids)).toBe(total(ids, ids));
    }),
    { numRuns: 60 },
  );
});
