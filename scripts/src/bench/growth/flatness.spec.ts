import { expect, test } from 'vitest';
import { brief, flatnessOf, growthOf } from './flatness.js';

/** A machine that gets faster while it is measured: from 0.36 ms to 0.17 ms. */
const DRIFT = Array.from({ length: 40 }, (_, at) => 0.36 - (0.19 * at) / 39);
const times = (factor: number): number[] => DRIFT.map((value, at) => value * factor * (1 + (at % 2 === 0 ? 0.03 : -0.03)));

test('a drift that meets both of a pair is not growth, although it is larger than the goal', () => {
  expect(growthOf(100, times(1.02), DRIFT)).toMatchObject({ median: 0.02, verdict: 'flat', pairs: 40 });
});

test('a quarter more is found under the same drift', () => {
  expect(growthOf(100, times(1.25), DRIFT)).toMatchObject({ median: 0.25, verdict: 'grows' });
});

test('pairs that lie on both sides of the goal say neither', () => {
  expect(growthOf(100, [1.1, 1.3, 1.15, 1.25, 1.19, 1.21], [1, 1, 1, 1, 1, 1])).toMatchObject({ verdict: 'undecided', low: 0.1, high: 0.3 });
});

test('the interval leaves as many values out as 95 % allow', () => {
  const ones = Array.from({ length: 20 }, () => 1);
  // Of 20 the 6th and the 15th: 95.9 %.
  expect(growthOf(1, ones.map((_, at) => 1 + at / 100), ones)).toMatchObject({ low: 0.05, high: 0.14, min: 0, max: 0.19, confidence: 0.959 });
  expect(growthOf(1, [1.1, 1, 1.3], [1, 1, 1])).toMatchObject({ low: 0, high: 0.3, confidence: 0.75 });
  expect(growthOf(1, [1.1], [1])).toMatchObject({ low: 0.1, high: 0.1, confidence: 0 });
});

test('every size and measure has to be flat', () => {
  const flat = { appendMs: [1, 1.1], heapMiB: [20, 20] };
  expect(flatnessOf([{ size: 10, samples: flat }, { size: 100, samples: flat }]).flat).toBe(true);
  const { flat: all, growth } = flatnessOf([{ size: 10, samples: flat }, { size: 100, samples: { ...flat, heapMiB: [20.5, 20.5] } }, { size: 1_000, samples: { ...flat, heapMiB: [26, 26] } }]);
  expect(all).toBe(false);
  expect(growth['heapMiB']?.map(({ verdict }) => verdict)).toEqual(['flat', 'grows']);
  expect(growth['appendMs']?.every(({ verdict }) => verdict === 'flat')).toBe(true);
});

test('what has grown in the control, too, has not grown with the size', () => {
  const [small, large] = [{ appendMs: [1, 1], processMiB: [34, 34] }, { appendMs: [2, 2], processMiB: [46, 46] }];
  const verdicts = (control: Record<string, number[]>): unknown => {
    const { growth, flat } = flatnessOf([{ size: 10, samples: small }, { size: 100, samples: large }], { size: 10, samples: control });
    return [flat, growth['appendMs']?.[0]?.verdict, growth['processMiB']?.[0]?.verdict];
  };
  expect(verdicts(small)).toEqual([false, 'grows', 'grows']);
  expect(verdicts({ ...small, processMiB: [46, 46] })).toEqual([false, 'grows', 'undecided']);
});

test('a larger store that does better is flat', () => expect(growthOf(100, [0.5, 0.6], [1, 1])).toMatchObject({ verdict: 'flat', median: -0.45 }));

test('nothing to compare, and samples without partners, are errors', () => {
  expect(() => flatnessOf([{ size: 1, samples: {} }])).toThrow('nothing to compare');
  expect(() => growthOf(1, [1, 2], [1])).toThrow('pairs');
  expect(() => flatnessOf([{ size: 1, samples: { a: [1] } }, { size: 2, samples: {} }])).toThrow('pairs');
});

test('a line for a reader', () => expect(brief(growthOf(1_000, [1.1], [1]))).toBe('1000: 10.0 % (10.0 … 10.0, 1 pairs) flat'));
