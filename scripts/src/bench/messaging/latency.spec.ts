import { expect, test } from 'vitest';
import { figuresOf } from './latency.js';

/** An event whose five hops take a fifth of the time each. */
const passage = (wholeMs: number) => {
  const [from, hop] = [1_000, wholeMs / 5];
  return { appendedFromMs: from, appendedMs: from + hop, sendingMs: from + 2 * hop, sentMs: from + 3 * hop, receivedMs: from + 4 * hop, visibleMs: from + wholeMs };
};

test('percentiles over all events, their spread over the rounds, and each hop with its share', () => {
  const figures = figuresOf([[passage(10), passage(20)], [passage(10), passage(60)], [passage(30), passage(40)]]);
  expect(figures).toMatchObject({ events: 6, p50: 20, p99: 60, p50ByRound: { median: 10, min: 10, max: 30, runs: 3 }, p99ByRound: { median: 40, min: 20, max: 60, runs: 3 } });
  expect(Object.values(figures.hops).map(({ share }) => share)).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
  expect(figures.hops['inbox and read model']).toMatchObject({ p50: 4, p99: 12 });
});
