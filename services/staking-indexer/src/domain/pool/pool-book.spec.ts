import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  activate,
  claim,
  claimable,
  count,
  delegatedWeight,
  emptyAccount,
  emptyPool,
  fund,
  SCALE,
  sharesFor,
  sharesOf,
  slash,
  worth,
  type Account,
  type PoolSums,
} from './pool-book.js';

const TOKEN = 10n ** 18n;
const units = (text: string): bigint => {
  const [whole, part = ''] = text.split('.') as [string, string?];
  return BigInt(whole) * TOKEN + BigInt(part.padEnd(18, '0'));
};

/** A pool in which each move is an epoch of its own: what is asked for counts at once. */
class Model {
  pool: PoolSums = emptyPool;
  readonly accounts = new Map<string, Account>();
  funded = 0n;
  claimed = 0n;

  of(user: string): Account {
    return this.accounts.get(user) ?? emptyAccount;
  }

  delegate(user: string, amount: bigint): void {
    const shares = sharesOf(amount, this.pool);
    this.pool = activate({ ...this.pool, total: this.pool.total + amount }, shares, 0n);
    this.accounts.set(user, count(this.of(user), shares, 0n, this.pool.rewardIndex));
  }

  /** False where the contract refuses it. */
  undelegate(user: string, amount: bigint): boolean {
    if (amount > worth(this.of(user).shares, this.pool)) return false;
    const shares = sharesFor(amount, this.pool);
    const left = this.pool.total - worth(shares, this.pool);
    this.pool = activate({ ...this.pool, total: left }, 0n, shares);
    this.accounts.set(user, count(this.of(user), 0n, shares, this.pool.rewardIndex));
    return true;
  }

  fund(amount: bigint): void {
    if (this.pool.totalShares === 0n) return;
    this.pool = fund(this.pool, amount);
    this.funded += amount;
  }

  claimable(user: string): bigint {
    return claimable(this.of(user), this.pool.rewardIndex);
  }

  claim(user: string): bigint {
    const amount = this.claimable(user);
    this.accounts.set(user, claim(this.of(user), amount));
    this.claimed += amount;
    return amount;
  }
}

interface Golden {
  readonly pool: readonly { op: string; user?: string; amount?: string; D?: string; claimable?: Record<string, string>; feePct?: string; net?: string; fee?: string }[];
  readonly integerSafety: readonly { ops: readonly string[]; claimable: Record<string, string> }[];
}
const golden = JSON.parse(readFileSync(new URL('../../../../../libs/contracts-evm/test/golden/staking.json', import.meta.url), 'utf8')) as Golden;

test('the golden pool, to the base unit', () => {
  const model = new Model();
  for (const { op, user = '', amount = '0', D, claimable: expected = {}, feePct, net, fee } of golden.pool) {
    if (op === 'delegate') model.delegate(user, units(amount));
    if (op === 'undelegate') expect(model.undelegate(user, units(amount))).toBe(true);
    if (op === 'fund') model.fund(units(amount));
    if (D !== undefined) expect(model.pool.totalShares).toBe(units(D));
    for (const [who, value] of Object.entries(expected)) expect(model.claimable(who)).toBe(units(value));
    if (op !== 'claim') continue;
    const paid = model.claim(user);
    const bps = BigInt(Math.round(Number(feePct) * 100));
    expect([(paid * bps) / 10_000n, paid - (paid * bps) / 10_000n]).toEqual([units(fee!), units(net!)]);
  }
});

test.each(golden.integerSafety.map(({ ops, claimable: expected }) => [ops.join(', '), ops, expected] as const))('in base units: %s', (_name, ops, expected) => {
  const model = new Model();
  for (const [op, ...words] of ops.map((line) => line.split(' '))) {
    if (op === 'fund') model.fund(BigInt(words[0]!));
    else model.delegate(words[0]!, BigInt(words[1]!));
  }
  for (const [who, value] of Object.entries(expected)) expect(model.claimable(who)).toBe(BigInt(value));
});

const users = ['a', 'b', 'c'] as const;
const amount = fc.oneof(fc.bigInt(1n, 9n), fc.bigInt(TOKEN, 10n ** 27n));
const move = fc.oneof(
  fc.record({ op: fc.constant('delegate' as const), user: fc.constantFrom(...users), amount }),
  fc.record({ op: fc.constant('undelegate' as const), user: fc.constantFrom(...users), amount }),
  fc.record({ op: fc.constant('fund' as const), user: fc.constantFrom(...users), amount }),
  fc.record({ op: fc.constant('claim' as const), user: fc.constantFrom(...users), amount }),
  fc.record({ op: fc.constant('slash' as const), user: fc.constantFrom(...users), amount }),
);

test('nothing that one does changes what another could claim; nothing is created or lost, exactly', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const model = new Model();
      for (const { op, user, amount: much } of moves) {
        const before = users.map((one) => model.claimable(one));
        if (op === 'delegate') model.delegate(user, much);
        if (op === 'undelegate') model.undelegate(user, much);
        if (op === 'slash' && model.pool.total > 1n) model.pool = slash(model.pool, (much % model.pool.total) / 2n);
        if (op === 'claim') model.claim(user);
        if (op === 'fund') model.fund(much);
        const after = users.map((one) => model.claimable(one));
        if (op === 'claim') before[users.indexOf(user)] = 0n;
        if (op !== 'fund') expect(after).toEqual(before);
        const accounts = users.map((one) => model.of(one));
        const owed = accounts.reduce((sum, { credit, shares }) => sum + credit + shares * model.pool.rewardIndex, 0n);
        expect(owed + model.pool.carry + SCALE * model.claimed).toBe(SCALE * model.funded);
        expect(accounts.reduce((sum, { shares }) => sum + worth(shares, model.pool), 0n) <= model.pool.total).toBe(true);
        expect(accounts.reduce((sum, { shares }) => sum + shares, 0n)).toBe(model.pool.totalShares);
      }
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('a pool weighs in each task by the owner’s stake there, never twice, and at most so many times the own stake', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt(1n, 10n ** 24n), { minLength: 1, maxLength: 6 }), fc.bigInt(0n, 10n ** 26n), fc.bigInt(0n, 5n), (owns, principal, cap) => {
      const total = owns.reduce((sum, own) => sum + own, 0n);
      const parts = owns.map((own) => delegatedWeight(own, total, principal, cap));
      expect(parts.reduce((sum, part) => sum + part, 0n) <= principal).toBe(true);
      parts.forEach((part, at) => expect(part <= owns[at]! * cap).toBe(true));
    }),
    { seed: 3 },
  );
  expect(delegatedWeight(0n, 0n, 5n, 3n)).toBe(0n);
});
