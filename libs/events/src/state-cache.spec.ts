import { expect, test } from 'vitest';
import { StateCache } from './state-cache.js';

test('keeps the newest version, drops the least recently used, and never mixes deciders', () => {
  const cache = new StateCache(2);
  const [one, two] = [{}, {}];
  cache.set(one, 'a', 2, 'a2');
  cache.set(one, 'a', 1, 'a1');
  expect(cache.get(one, 'a')).toMatchObject({ version: 2, state: 'a2' });
  expect(cache.get(two, 'a')).toBeUndefined();
  cache.set(one, 'b', 1, 'b1');
  cache.get(one, 'a');
  cache.set(one, 'c', 1, 'c1');
  expect(cache.get(one, 'b')).toBeUndefined();
  expect(cache.get(one, 'a')).toBeDefined();
});
