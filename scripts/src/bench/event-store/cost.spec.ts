import { expect, test } from 'vitest';
import { onCpuNs, usedNs } from './cost.js';

test('time on a processor is the first number of schedstat', () => expect(onCpuNs('123456789 42 7\n')).toBe(123_456_789n));

test('backends that began or ended in between', () => {
  expect(usedNs(new Map([[1, 100n], [2, 50n]]), new Map([[1, 160n], [3, 5n]]))).toBe(65n);
});
