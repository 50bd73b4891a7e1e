import { RejectionError } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BodyBudget } from './body-budget.js';

const refused = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error instanceof RejectionError ? error.rejection : error;
  }
  return undefined;
};

describe('room for bodies', () => {
  test('is refused with a time when it is taken, and comes back', () => {
    const budget = new BodyBudget(100);
    const giveBack = budget.take('a', 40);
    budget.take('b', 50);
    expect(refused(() => budget.take('c', 20))).toMatchObject({ code: 'resource-exhausted', rule: 'overloaded', retriable: true, retryAfterMs: 1_000 });
    giveBack();
    expect(refused(() => budget.take('c', 20))).toBeUndefined();
  });

  test('is half for one address, so that others still get in; a first body may be bigger', () => {
    const budget = new BodyBudget(100);
    budget.take('a', 30);
    expect(refused(() => budget.take('a', 30))).toBeDefined();
    expect(refused(() => budget.take('b', 60))).toBeUndefined();
    expect(refused(() => new BodyBudget(10).take('a', 50))).toBeUndefined();
  });

  test('never holds more than it has, but for a single body, and is empty when all is given back', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ address: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 60 }), back: fc.boolean() }), { maxLength: 60 }), (all) => {
        const budget = new BodyBudget(100);
        const held: (() => void)[] = [];
        for (const { address, bytes, back } of all) {
          if (back) held.shift()?.();
          else refused(() => held.push(budget.take(address, bytes)));
          expect(budget.bytes).toBeLessThanOrEqual(100);
        }
        for (const giveBack of held) giveBack();
        expect(budget.bytes).toBe(0);
      }),
    );
  });
});
