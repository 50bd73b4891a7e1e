import { expect, test } from 'vitest';
import { BlockRange } from './block-range.js';

test('a range doubles up to its bound and halves down to one block', () => {
  const range = new BlockRange(4, 10);
  range.grow();
  range.grow();
  expect(range.span).toBe(10);
  const spans: number[] = [];
  while (range.shrink()) spans.push(range.span);
  expect(spans).toEqual([5, 2, 1]);
  expect(range.shrink()).toBe(false);
});
