import { describe, expect, test } from 'vitest';
import { emptyBooks, Overlay } from './books.js';
import { executeBatch } from './execute-batch.policy.js';
import type { TransferRequest } from './transfer.js';

function booksWith(requests: readonly TransferRequest[] = [], nowMs = 0) {
  const overlay = new Overlay(emptyBooks());
  overlay.open([
    { id: 'bank', guard: 'none' },
    { id: 'credit', guard: 'debits-within-credits' },
    { id: 'shop', guard: 'none' },
    { id: 'asset', guard: 'credits-within-debits' },
  ]);
  const books = overlay.toBooks(emptyBooks());
  const applied = new Overlay(books);
  const outcome = executeBatch(books, requests, nowMs);
  outcome.applied.forEach((transfer) => applied.apply(transfer));
  outcome.failed.forEach(({ id, code }) => applied.putRecord(id, { failed: code }));
  return applied.toBooks(books);
}

const post = (id: string, debit: string, credit: string, amount: bigint, more: Partial<TransferRequest> = {}): TransferRequest => ({ id, kind: 'posted', debit, credit, amount, code: 'test', ...more });
const hold = (id: string, amount: bigint, timeoutMs = 0): TransferRequest => post(id, 'credit', 'shop', amount, { kind: 'pending', timeoutMs });
const end = (id: string, kind: TransferRequest['kind'], pendingId: string, amount?: bigint): TransferRequest => ({ id, kind, pendingId, code: 'test', ...(amount === undefined ? {} : { amount }) });
const funded = [post('fund', 'bank', 'credit', 100n)];
const codes = (given: readonly TransferRequest[], when: readonly TransferRequest[], nowMs = 0) => executeBatch(booksWith(given), when, nowMs).results.map(({ code }) => code);

describe('one transfer', () => {
  test('moves money between accounts that exist', () => {
    const { accounts } = booksWith([...funded, post('a', 'credit', 'shop', 60n)]);
    expect(accounts.get('credit')).toMatchObject({ creditsPosted: 100n, debitsPosted: 60n });
    expect(accounts.get('shop')).toMatchObject({ creditsPosted: 60n });
  });

  test.each([
    [post('a', 'credit', 'shop', 0n), 'amount-must-be-positive'],
    [post('a', 'credit', 'credit', 1n), 'accounts-must-be-different'],
    [post('a', 'nobody', 'shop', 1n), 'debit-account-not-found'],
    [post('a', 'credit', 'nobody', 1n), 'credit-account-not-found'],
    [post('a', 'credit', 'shop', 101n), 'exceeds-credits'],
    [post('a', 'bank', 'asset', 1n), 'exceeds-debits'],
    [hold('a', 101n), 'exceeds-credits'],
  ])('%o is refused as %s', (request, code) => {
    expect(codes(funded, [request])).toEqual([code]);
  });

  test('what is held counts as gone', () => {
    expect(codes([...funded, hold('h', 70n)], [post('a', 'credit', 'shop', 31n)])).toEqual(['exceeds-credits']);
    expect(codes([...funded, hold('h', 70n)], [post('a', 'credit', 'shop', 30n)])).toEqual(['created']);
  });
});

describe('an id that is known', () => {
  test('is the same transfer, or says what differs', () => {
    const given = [...funded, post('a', 'credit', 'shop', 60n, { source: 's' }), hold('h', 10n, 5)];
    const again: [TransferRequest, string][] = [
      [post('a', 'credit', 'shop', 60n, { source: 's' }), 'exists'],
      [post('a', 'credit', 'shop', 61n, { source: 's' }), 'exists-with-different-amount'],
      [post('a', 'bank', 'shop', 60n, { source: 's' }), 'exists-with-different-debit-account'],
      [post('a', 'credit', 'bank', 60n, { source: 's' }), 'exists-with-different-credit-account'],
      [post('a', 'credit', 'shop', 60n, { source: 's', code: 'other' }), 'exists-with-different-code'],
      [post('a', 'credit', 'shop', 60n), 'exists-with-different-source'],
      [post('a', 'credit', 'shop', 60n, { source: 's', kind: 'pending' }), 'exists-with-different-kind'],
      [hold('h', 10n, 6), 'exists-with-different-timeout'],
      [{ ...hold('h', 10n, 5), pendingId: 'x' }, 'exists-with-different-pending-id'],
    ];
    for (const [request, code] of again) expect(codes(given, [request])).toEqual([code]);
  });

  test('stays failed after credit has arrived', () => {
    const given = [post('a', 'credit', 'shop', 60n), ...funded];
    expect(codes(given, [post('a', 'credit', 'shop', 60n)])).toEqual(['id-already-failed']);
  });
});

describe('a pending transfer', () => {
  test('is posted in full, in part, voided, or expires; and only once', () => {
    const pending = [...funded, hold('h', 70n, 1_000)];
    expect(codes(pending, [end('e', 'post-pending', 'h'), end('f', 'void-pending', 'h')])).toEqual(['created', 'pending-transfer-already-posted']);
    expect(codes(pending, [end('e', 'void-pending', 'h'), end('f', 'post-pending', 'h')])).toEqual(['created', 'pending-transfer-already-voided']);
    expect(codes(pending, [end('e', 'expire-pending', 'h')], 999)).toEqual(['pending-transfer-not-due']);
    expect(codes(pending, [end('e', 'post-pending', 'h')], 1_000)).toEqual(['pending-transfer-expired']);
    expect(codes(pending, [end('e', 'expire-pending', 'h'), end('f', 'post-pending', 'h')], 1_000)).toEqual(['created', 'pending-transfer-expired']);
    expect(codes(pending, [end('e', 'post-pending', 'h', 71n)])).toEqual(['exceeds-pending-amount']);
    expect(codes(pending, [end('e', 'post-pending', 'h', 0n)])).toEqual(['amount-must-be-positive']);
    expect(codes(pending, [end('e', 'post-pending', 'fund')])).toEqual(['pending-transfer-not-pending']);
    expect(codes(pending, [end('e', 'post-pending', 'x')])).toEqual(['pending-transfer-not-found']);
  });

  test('posted in part gives the rest back', () => {
    const { accounts } = booksWith([...funded, hold('h', 70n), end('e', 'post-pending', 'h', 40n)]);
    expect(accounts.get('credit')).toMatchObject({ debitsPending: 0n, debitsPosted: 40n });
    expect(accounts.get('shop')).toMatchObject({ creditsPending: 0n, creditsPosted: 40n });
  });

  test('resolved with the same id again exists, also when the amount was left out', () => {
    const given = [...funded, hold('h', 70n), end('e', 'post-pending', 'h')];
    expect(codes(given, [end('e', 'post-pending', 'h')])).toEqual(['exists']);
    expect(codes(given, [end('e', 'post-pending', 'h', 40n)])).toEqual(['exists-with-different-amount']);
  });
});

describe('a linked chain', () => {
  test('stands or falls as a whole, and what follows is judged without it', () => {
    const chain = [post('a', 'credit', 'shop', 60n, { linked: true }), post('b', 'credit', 'shop', 60n)];
    expect(codes(funded, [...chain, post('c', 'credit', 'shop', 100n)])).toEqual(['linked-transfer-failed', 'exceeds-credits', 'created']);
    expect(codes(funded, [{ ...chain[0]!, amount: 40n }, chain[1]!])).toEqual(['created', 'created']);
  });

  test('left open is refused', () => {
    expect(codes(funded, [post('a', 'credit', 'shop', 1n, { linked: true })])).toEqual(['linked-chain-open']);
  });

  test('played again exists as a whole', () => {
    const chain = [post('a', 'credit', 'shop', 10n, { linked: true }), post('b', 'credit', 'shop', 10n)];
    expect(codes([...funded, ...chain], chain)).toEqual(['exists', 'exists']);
  });
});
