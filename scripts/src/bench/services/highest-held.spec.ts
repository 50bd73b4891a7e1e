import fc from 'fast-check';
import { expect, test } from 'vitest';
import { highestHeld, rateAt, rateBelow } from './highest-held.js';

test('the highest rate that holds is found from any guess, by few tries', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 20_000 }), async (limit, guess) => {
    const tried: number[] = [];
    const found = await highestHeld(guess, async (rate) => {
      tried.push(rate);
      return rate <= limit;
    });
    expect(found).toBeLessThanOrEqual(limit);
    if (limit >= 1) expect(found * 1.09 + 0.02).toBeGreaterThan(limit);
    else expect(found).toBe(0);
    expect(new Set(tried).size).toBe(tried.length);
    expect(tried.length).toBeLessThan(20);
  }));
});

test('a good guess costs two tries', async () => {
  const tried: number[] = [];
  const found = await highestHeld(500, async (rate) => {
    tried.push(rate);
    return rate < 520;
  });
  expect([found, tried.length]).toEqual([rateAt(81), 2]);
});

test('below a rate lies the next lower one, below the lowest none', () => {
  expect(rateBelow(rateAt(80))).toBe(rateAt(79));
  expect(rateBelow(rateAt(0))).toBeUndefined();
});
