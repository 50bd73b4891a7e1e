import { fold, unwrap } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LedgerIdentity } from '../ledger/ledger.commands.js';
import { ledgerDecider } from '../ledger/ledger.decider.js';
import type { LedgerState } from '../ledger/ledger.state.js';
import { trialBalance } from '../ledger/trial-balance.policy.js';
import type { Booking, RoundMoney } from './bookings.policy.js';
import { divisionBooking, epochBooking, grantBooking, roundBooking, vestedBooking } from './bookings.policy.js';

const ledger: LedgerIdentity = { ledgerId: 'ledger-t', kind: 'task-rewards', subject: 'tasks/t', asset: 'FLOCK', scale: 18 };
const book = (state: LedgerState, booking: Booking): LedgerState => fold(ledgerDecider, unwrap(ledgerDecider.decide({ ...booking, past: undefined, nowMs: 5 }, state)), state);
const balance = (state: LedgerState, id: string): bigint => {
  const account = state.books.accounts.get(id);
  return account ? account.creditsPosted - account.debitsPosted : 0n;
};
const empty = ledgerDecider.initialState();

const epoch = {
  epoch: 1, minted: 1_000n, carriedIn: 0n, locked: 540n, carriedOut: 10n,
  rewards: [{ wallet: 'n', role: 'node', paid: 60n, poolPaid: 0n }, { wallet: 'v', role: 'validator', paid: 300n, poolPaid: 90n }],
};

test('an epoch: minted = paid + locked + carried, and each wallet has its part', () => {
  const state = book(empty, unwrap(epochBooking(ledger, 'm1', epoch)));
  expect(balance(state, 'emission.minted')).toBe(-1_000n);
  expect(['payable.node/n', 'payable.validator/v', 'payable.pool/v', 'reward.locked', 'reward.carried', 'reward.clearing'].map((id) => balance(state, id))).toEqual([60n, 300n, 90n, 540n, 10n, 0n]);
  expect(state.ledger).toMatchObject({ subject: 'tasks/t', asset: 'FLOCK' });
});

test('what was carried comes back in the next epoch', () => {
  const next = { ...epoch, epoch: 2, carriedIn: 10n, carriedOut: 0n, locked: 560n };
  const state = book(book(empty, unwrap(epochBooking(ledger, 'm1', epoch))), unwrap(epochBooking(ledger, 'm2', next)));
  expect(balance(state, 'reward.carried')).toBe(0n);
  expect(balance(state, 'reward.locked')).toBe(1_100n);
});

test('an epoch that does not add up is not booked', () => {
  expect(epochBooking(ledger, 'm1', { ...epoch, locked: 541n })).toMatchObject({ ok: false, error: { rule: 'epoch-balanced' } });
});

test('the locked pool is divided, vests, and becomes payable', () => {
  const rewards = [{ wallet: 'n', amount: 500n, poolAmount: 30n }];
  const divided = unwrap(divisionBooking(ledger, 'm2', { locked: 540n, carried: 10n, rewards }));
  const state = book(book(book(empty, unwrap(epochBooking(ledger, 'm1', epoch))), divided), vestedBooking(ledger, 'm3', rewards));
  expect(['reward.locked', 'vesting.node/n', 'vesting.pool/n', 'payable.node/n', 'payable.pool/n', 'reward.carried'].map((id) => balance(state, id))).toEqual([0n, 0n, 0n, 560n, 30n, 20n]);
  expect(divisionBooking(ledger, 'm2', { locked: 541n, carried: 10n, rewards })).toMatchObject({ ok: false, error: { rule: 'division-balanced' } });
});

test('a federated pool: the golden round of federation.md, granted + slashed = paid + caller + left', () => {
  const granted = book(empty, grantBooking(ledger, 'g', 10_000_000_000n));
  const round: RoundMoney = {
    round: 0, slashes: [{ node: 'v3', amount: 100_000_000n }], caller: 'c', callerAmount: 10_000_000n,
    payments: [{ node: 'p1', amount: 144_142_857n }, { node: 'p2', amount: 288_285_715n }, { node: 'v1', amount: 144_142_857n }, { node: 'v2', amount: 432_428_571n }],
    poolLeft: 9_081_000_000n,
  };
  const state = book(granted, roundBooking(ledger, 'r', round));
  expect(balance(state, 'reward.pool')).toBe(9_081_000_000n);
  expect(balance(state, 'payable.caller/c')).toBe(10_000_000n);
  expect(balance(state, 'stake.slashed/v3')).toBe(-100_000_000n);
});

test('a round whose pool differs is refused and changes nothing', () => {
  const granted = book(empty, grantBooking(ledger, 'g', 100n));
  const round: RoundMoney = { round: 0, slashes: [], payments: [{ node: 'p', amount: 10n }], caller: '', callerAmount: 0n, poolLeft: 91n };
  expect(ledgerDecider.decide({ ...roundBooking(ledger, 'r', round), past: undefined, nowMs: 1 }, granted)).toMatchObject({ ok: false, error: { rule: 'balance-differs' } });
  expect(ledgerDecider.decide({ ...roundBooking(ledger, 'r', { ...round, poolLeft: 90n }), past: undefined, nowMs: 1 }, granted)).toMatchObject({ ok: true });
});

test('a round without money is noted', () => {
  const granted = book(empty, grantBooking(ledger, 'g', 100n));
  const quiet: RoundMoney = { round: 1, slashes: [], payments: [], caller: '', callerAmount: 0n, poolLeft: 100n };
  expect(unwrap(ledgerDecider.decide({ ...roundBooking(ledger, 'r', quiet), past: undefined, nowMs: 1 }, granted)).map(({ type }) => type)).toEqual(['skein.billing.ledger.booked.v1']);
});

test('any epochs keep debits and credits equal', () => {
  const reward = fc.record({ wallet: fc.constantFrom('a', 'b', 'c'), role: fc.constantFrom('node', 'validator'), paid: fc.bigInt({ min: 0n, max: 10n ** 24n }), poolPaid: fc.bigInt({ min: 0n, max: 10n ** 24n }) });
  fc.assert(
    fc.property(fc.array(reward, { maxLength: 6 }), fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.bigInt({ min: 0n, max: 10n ** 24n }), (rewards, locked, carriedOut) => {
      const minted = rewards.reduce((total, { paid, poolPaid }) => total + paid + poolPaid, locked + carriedOut);
      const state = book(empty, unwrap(epochBooking(ledger, 'm', { epoch: 1, minted, carriedIn: 0n, locked, carriedOut, rewards })));
      expect(trialBalance(state.books.accounts.values()).difference).toBe(0n);
      expect(balance(state, 'reward.clearing')).toBe(0n);
    }),
  );
});
