import { fold } from '@skein/kernel';
import { specOf } from '@skein/testing';
import { describe, expect, test } from 'vitest';
import { available } from './account.js';
import { holdId } from './customer-accounts.js';
import { firstBrokenLink } from './hash-chain.policy.js';
import type { LedgerCommand } from './ledger.commands.js';
import { ledgerDecider } from './ledger.decider.js';
import type { LedgerEvent } from './ledger.events.js';
import { buy, capture, informed, LEDGER, play, release, reserve } from './test-ledger.js';
import { trialBalance } from './trial-balance.policy.js';

const ledger = {
  given: (...events: readonly LedgerEvent[]) => ({
    when: (command: LedgerCommand) => specOf(ledgerDecider).given(...events).when(informed(command, { state: fold(ledgerDecider, events), log: events })),
  }),
};
const ofType = <Type extends LedgerEvent['type']>(events: readonly LedgerEvent[], type: Type) =>
  events.filter((event): event is Extract<LedgerEvent, { type: Type }> => event.type === type);
const balances = (events: readonly LedgerEvent[]) =>
  Object.fromEntries([...fold(ledgerDecider, events).books.accounts.values()].map((account) => [account.id, account.creditsPosted - account.debitsPosted]));

describe('the golden call of billing.md', () => {
  const events = play(buy(10_000n), reserve('r1', 1_200n), capture('r1'));

  test('reserve 1200, actual 1001, compute 300, platform 70, contributors 631, clearing 0', () => {
    expect(balances(events)).toEqual({
      'credit.available': 8_999n,
      receivable: 0n,
      'cash.clearing': 0n,
      'cash.bank': -10_000n,
      revenue: 70n,
      'payable.compute/eip155:1:0xe': 300n,
      'payable.developer/eip155:1:0xd': 284n,
      'payable.data/eip155:1:0xa': 158n,
      'payable.parents/eip155:1:0xb': 126n,
      'payable.validators/eip155:1:0xc': 63n,
    });
  });

  test('the charge explains itself', () => {
    expect(ofType(events, 'skein.billing.ledger.call-charged.v1')[0]!.data).toMatchObject({
      gross: 1_001n, compute: 300n, platform: 70n, exactE15: 1_001_000_000n, sumE15: 1_001_000_000n, paidFrom: 'hold', priceVersion: 1,
    });
  });

  test('the trial balance is zero and the hash chain unbroken', () => {
    const state = fold(ledgerDecider, events);
    expect(trialBalance(state.books.accounts.values()).difference).toBe(0n);
    const links = ofType(events, 'skein.billing.ledger.transfers-applied.v1').map(({ data }) => data);
    expect(links).toHaveLength(3);
    expect(firstBrokenLink(links)).toBe(-1);
    expect(links.at(-1)!.hash).toBe(state.head);
    const forged = links.map((link, index) => (index === 1 ? { ...link, transfers: link.transfers.map((transfer) => ({ ...transfer, amount: 1n })) } : link));
    expect(firstBrokenLink(forged)).toBe(1);
    expect(firstBrokenLink(links.slice(1))).toBe(0);
  });
});

describe('reserving', () => {
  test('without a ledger or without credit names what is missing', () => {
    ledger.given().when(reserve('r1', 1_200n)).thenRejected({ code: 'payment-required', rule: 'insufficient-credit', message: 'credit is missing: 1200 base units of USD (10^-9)' });
    ledger.given(...play(buy(1_000n))).when(reserve('r1', 1_200n)).thenRejected({ code: 'payment-required', message: 'credit is missing: 200 base units of USD (10^-9)' });
  });

  test('a refused reservation may be tried again after credit was bought', () => {
    ledger.given(...play(buy(1_000n), buy(500n, 'p2'))).when(reserve('r1', 1_200n)).thenState((state) => {
      expect(available(state.books.accounts.get('credit.available'))).toBe(300n);
    });
  });

  test('again with the same id changes nothing, with another amount is a conflict', () => {
    const given = play(buy(5_000n), reserve('r1', 1_200n));
    ledger.given(...given).when(reserve('r1', 1_200n, { nowMs: 9_000 })).then();
    ledger.given(...given).when(reserve('r1', 1_300n)).thenRejected({ code: 'conflict', rule: 'exists-with-different-amount', field: 'reservation_id' });
  });

  test('less than one unit costs is refused', () => {
    ledger.given(...play(buy(5_000n))).when(reserve('r1', 1_001n)).thenRejected({ rule: 'reserve-below-one-unit', field: 'units_max' });
  });

  test('a key stops at its cap, counting what is held and what was spent, not what was given back', () => {
    const cap = { keyCap: 2_500n };
    const held = play(buy(50_000n), reserve('r1', 1_200n, cap), reserve('r2', 1_200n, cap));
    ledger.given(...held).when(reserve('r3', 1_200n, cap)).thenRejected({ code: 'payment-required', rule: 'key-spend-cap' });
    ledger.given(...held).when(reserve('r3', 1_200n, { ...cap, keyId: 'k2' })).thenState((state) => expect(state.committedByKey.get('k2')).toBe(1_200n));
    const freed = play(buy(50_000n), reserve('r1', 1_200n, cap), capture('r1'), reserve('r2', 1_200n, cap), release('r2'));
    ledger.given(...freed).when(reserve('r3', 1_200n, cap)).thenState((state) => expect(state.committedByKey.get('k1')).toBe(2_201n));
  });

  test('terms are written once and named by their hash', () => {
    const events = play(buy(50_000n), reserve('r1', 1_200n), reserve('r2', 1_200n));
    expect(ofType(events, 'skein.billing.ledger.terms-pinned.v1')).toHaveLength(1);
  });
});

describe('ending a reservation', () => {
  const open = play(buy(5_000n), reserve('r1', 1_200n));

  test('captured twice is charged once', () => {
    ledger.given(...play(buy(5_000n), reserve('r1', 1_200n), capture('r1'))).when(capture('r1', 1, 0n, 9_000)).then();
  });

  test('captured, it cannot be voided; voided, it cannot be captured', () => {
    ledger.given(...play(buy(5_000n), reserve('r1', 1_200n), capture('r1'))).when(release('r1')).thenRejected({ rule: 'reservation-captured' });
    ledger.given(...play(buy(5_000n), reserve('r1', 1_200n), release('r1'))).when(capture('r1')).thenRejected({ rule: 'reservation-voided', field: 'reservation_id' });
    ledger.given(...play(buy(5_000n), reserve('r1', 1_200n), release('r1'))).when(release('r1')).then();
  });

  test('more than was reserved is refused and changes nothing', () => {
    ledger.given(...open).when(capture('r1', 2)).thenRejected({ rule: 'capture-exceeds-reserve', field: 'units' });
  });

  test('an unknown one is refused', () => {
    ledger.given().when(capture('r9')).thenRejected({ code: 'not-found', field: 'reservation_id' });
    ledger.given(...open).when(capture('r9')).thenRejected({ code: 'not-found', field: 'reservation_id' });
    ledger.given().when(release('r9')).then();
    ledger.given(...play(buy(5_000n))).when(release('r9', 'insufficient-credit')).then();
  });

  test('a release that overtakes its reservation keeps it from holding anything later', () => {
    const forestalled = play(buy(5_000n), release('r1'));
    expect(forestalled.at(-1)).toEqual({ type: 'skein.billing.ledger.transfers-refused.v1', data: { transfers: [{ id: holdId('r1'), code: 'pending-transfer-already-voided' }], atMs: 3_000 } });
    ledger.given(...forestalled).when(reserve('r1', 1_200n)).thenRejected({ rule: 'reservation-released', field: 'reservation_id' });
    ledger.given(...forestalled).when(release('r1')).then();
    ledger.given(...play(buy(5_000n), release('r1'), reserve('r2', 1_200n), capture('r2'))).when(release('r2')).thenRejected({ rule: 'reservation-captured' });
  });

  test('expires when it is due, not before', () => {
    ledger.given(...open).when(release('r1', 'expired', 61_999)).thenRejected({ rule: 'pending-transfer-not-due' });
    ledger.given(...open).when(release('r1', 'expired', 62_000)).thenState((state) => {
      expect(available(state.books.accounts.get('credit.available'))).toBe(5_000n);
    });
    ledger.given(...play(buy(5_000n), reserve('r1', 1_200n), release('r1', 'expired', 62_000))).when(release('r1', 'expired', 63_000)).then();
  });

  test('usage that comes after the hold expired takes credit, or is owed when there is none', () => {
    const expired = play(buy(5_000n), reserve('r1', 1_200n), release('r1', 'expired', 62_000));
    expect(balances([...expired, ...decided(expired, capture('r1', 1, 0n, 70_000))])).toMatchObject({ 'credit.available': 3_999n, receivable: 0n, 'cash.clearing': 0n });
    const spent = [...expired, ...decided(expired, reserve('r2', 5_000n, { nowMs: 63_000 }))];
    expect(balances([...spent, ...decided(spent, capture('r1', 1, 0n, 70_000))])).toMatchObject({ receivable: -1_001n });
    expect(balances([...open, ...decided(open, capture('r1', 1, 0n, 62_000))])).toMatchObject({ 'credit.available': 3_999n, 'cash.clearing': 0n });
  });

  test('a call that rounds to nothing is charged nothing and ends the hold', () => {
    const cheap = play(buy(5_000n), reserve('r1', 1n, { unitPriceE15: 400_000n }));
    ledger.given(...cheap).when(capture('r1', 1, 0n)).thenState((state, events) => {
      expect(ofType(events, 'skein.billing.ledger.call-charged.v1')[0]!.data.gross).toBe(0n);
      expect(state.holds.size).toBe(0);
      expect(available(state.books.accounts.get('credit.available'))).toBe(5_000n);
    });
  });
});

describe('credit and bookings', () => {
  test('a payment is credited once', () => {
    ledger.given(...play(buy(5_000n))).when(buy(5_000n)).then();
    ledger.given(...play(buy(5_000n))).when(buy(6_000n)).thenRejected({ code: 'conflict', rule: 'exists-with-different-amount' });
    ledger.given().when(buy(0n)).thenRejected({ rule: 'positive', field: 'amount' });
  });

  test('a decision is booked as a whole and once', () => {
    const book = (amount: bigint) => ({
      type: 'book-decision' as const, ledger: LEDGER, source: 'message-1', what: 'epoch', amount, past: undefined, nowMs: 1,
      accounts: [{ id: 'mint', guard: 'none' as const }, { id: 'payable.node/w', guard: 'none' as const }],
      transfers: [{ id: 'message-1/0', kind: 'posted' as const, debit: 'mint', credit: 'payable.node/w', amount, code: 'reward' }],
    });
    const booked = play(book(5n));
    expect(fold(ledgerDecider, booked).books.transfers.size).toBe(0);
    ledger.given(...booked).when(book(5n)).then();
    ledger.given(...booked).when(book(6n)).thenRejected({ code: 'conflict', rule: 'booking-differs' });
    const others = [{ what: 'round' }, { transfers: [] }, { transfers: [{ ...book(5n).transfers[0]!, credit: 'payable.node/x' }] }, { transfers: [...book(5n).transfers, ...book(5n).transfers] }];
    for (const other of others) ledger.given(...booked).when({ ...book(5n), ...other }).thenRejected({ code: 'conflict', rule: 'booking-differs' });
    ledger.given().when(book(0n)).thenRejected({ rule: 'amount-must-be-positive' });
  });

  test('a failed transfer of a batch is remembered as failed', () => {
    const overdraw = { type: 'apply-transfers' as const, ledger: LEDGER, accounts: [], nowMs: 1, transfers: [{ id: 'x', kind: 'posted' as const, debit: 'credit.available', credit: 'revenue', amount: 9_000n, code: 'test' }] };
    ledger.given(...play(buy(5_000n))).when(overdraw).then({ type: 'skein.billing.ledger.transfers-refused.v1', data: { transfers: [{ id: 'x', code: 'exceeds-credits' }], atMs: 1 } });
    ledger.given(...play(buy(5_000n), overdraw, buy(9_000n, 'p2'))).when(overdraw).then();
    const many = { ...overdraw, transfers: Array.from({ length: 8_191 }, () => overdraw.transfers[0]!) };
    ledger.given().when(many).thenRejected({ rule: 'batch-too-large', field: 'transfers' });
  });
});

const decided = (given: readonly LedgerEvent[], command: LedgerCommand): readonly LedgerEvent[] => {
  const state = fold(ledgerDecider, given);
  const result = ledgerDecider.decide(informed(command, { state, log: given }), state);
  return result.ok ? result.value : [];
};

describe('what is over', () => {
  const over = play(buy(50_000n), reserve('r1', 1_200n), capture('r1'), reserve('r2', 1_200n), release('r2'), reserve('r3', 1_200n), release('r3', 'expired', 62_000), capture('r3', 1, 0n, 70_000), release('r4'));

  test('is not in the state: neither its transfers nor what it came to', () => {
    const { books, holds } = fold(ledgerDecider, over);
    expect([books.transfers.size, holds.size]).toEqual([0, 0]);
  });

  test('is in the log, and every command on it is answered as ever', () => {
    for (const id of ['r1', 'r3']) {
      ledger.given(...over).when(capture(id)).then();
      ledger.given(...over).when(reserve(id, 1_200n)).then();
      ledger.given(...over).when(reserve(id, 1_300n)).thenRejected({ rule: 'exists-with-different-amount' });
      ledger.given(...over).when(release(id)).thenRejected({ rule: 'reservation-captured' });
    }
    ledger.given(...over).when(capture('r2')).thenRejected({ rule: 'reservation-voided' });
    ledger.given(...over).when(reserve('r2', 1_200n)).then();
    ledger.given(...over).when(release('r2')).then();
    ledger.given(...over).when(capture('r4')).thenRejected({ rule: 'reservation-voided' });
    ledger.given(...over).when(reserve('r4', 1_200n)).thenRejected({ rule: 'reservation-released' });
    ledger.given(...over).when(release('r4')).then();
    ledger.given(...over).when(buy(50_000n)).then();
    ledger.given(...over).when(buy(50_001n)).thenRejected({ code: 'conflict', rule: 'exists-with-different-amount', field: 'amount' });
  });

  test('but an expired hold is not over: its usage may still come', () => {
    const { books, holds } = fold(ledgerDecider, play(buy(5_000n), reserve('r1', 1_200n), release('r1', 'expired', 62_000)));
    expect([books.transfers.size, [...holds.keys()]]).toEqual([2, ['r1']]);
  });
});
