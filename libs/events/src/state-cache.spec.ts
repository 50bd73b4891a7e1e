import { expect, test } from 'vitest';
import { StateCache } from './state-cache.js';

test('keeps the newest version, drops the least recently used, and never mixes deciders', () => {
  const cache = new StateCache(2);
  const [one, two] = [{}, {}];
  cache.set(one, 'a', 2, 'a2', 0);
  cache.set(one, 'a', 1, 'a1', 0);
  expect(cache.get(one, 'a')).toMatchObject({ version: 2, state: 'a2' });
  expect(cache.get(two, 'a')).toBeUndefined();
  cache.set(one, 'b', 1, 'b1', 0);
  cache.get(one, 'a');
  cache.set(one, 'c', 1, 'c1', 0);
  expect(cache.get(one, 'b')).toBeUndefined();
  expect(cache.get(one, 'a')).toBeDefined();
});

test('a stream that somebody else writes to is looked at first for a while', () => {
  const cache = new StateCache(2);
  const owner = {};
  cache.set(owner, 'a', 1, 'a1', 5);
  expect(cache.trusted(owner, 'a')).toMatchObject({ version: 1, atMs: 5 });
  cache.distrust('a');
  cache.distrust('nobody');
  cache.set(owner, 'a', 2, 'a2', 6);
  for (let look = 0; look < 16; look += 1) expect(cache.trusted(owner, 'a')).toBeUndefined();
  expect(cache.trusted(owner, 'a')).toMatchObject({ version: 2 });
  expect(cache.trusted({}, 'a')).toBeUndefined();
});
