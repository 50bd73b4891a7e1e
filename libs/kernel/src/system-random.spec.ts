import { expect, test } from 'vitest';
import { systemRandom } from './system-random.js';

test('no bytes are given twice, whatever the sizes, also past a pool', () => {
  const seen = new Set<string>();
  for (let index = 0; index < 3_000; index += 1) seen.add(Buffer.from(systemRandom.bytes(8 + (index % 9))).toString('hex'));
  expect(seen.size).toBe(3_000);
  expect([systemRandom.bytes(0).length, systemRandom.bytes(5_000).length, systemRandom.bytes(4_096).length]).toEqual([0, 5_000, 4_096]);
});

test('what was given is the receiver\'s own', () => {
  const first = systemRandom.bytes(16);
  const copy = first.slice();
  for (let index = 0; index < 600; index += 1) systemRandom.bytes(16).fill(0);
  expect(first).toEqual(copy);
});
