import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeterministicRandom, SeededBeacon, bytesToHex, seededBeacon, sha256, shuffle, utf8, weightedDraw } from '../src/index.js';

const rng = (seed: string) => new DeterministicRandom(utf8(seed));

test('the stream is sha256 of seed and counter', () => {
  const first = sha256(new Uint8Array([...utf8('skein'), 0, 0, 0, 0, 0, 0, 0, 0]));
  const second = sha256(new Uint8Array([...utf8('skein'), 0, 0, 0, 0, 0, 0, 0, 1]));
  expect(bytesToHex(rng('skein').bytes(40))).toBe(bytesToHex(first) + bytesToHex(second.subarray(0, 8)));
});

test('reading in pieces reads the same stream', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 8 }), (seed, sizes) => {
      const pieces = rng(seed);
      const joined = sizes.map((size) => bytesToHex(pieces.bytes(size))).join('');
      expect(joined).toBe(bytesToHex(rng(seed).bytes(sizes.reduce((a, b) => a + b, 0))));
    }),
  );
});

test('numbers below a bound are uniform enough and never reach it', () => {
  const source = rng('uniform');
  const counts = Array.from({ length: 6 }, () => 0);
  for (let i = 0; i < 6000; i++) counts[source.intBelow(6)]!++;
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  expect(source.bigintBelow(1n)).toBe(0n);
  expect(() => source.bigintBelow(0n)).toThrow('positive');
  expect(source.float()).toBeLessThan(1);
});

test('a shuffle keeps the items and repeats for a seed', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.integer()), (seed, items) => {
      const shuffled = shuffle(rng(seed), items);
      expect([...shuffled].sort()).toEqual([...items].sort());
      expect(shuffle(rng(seed), items)).toEqual(shuffled);
    }),
  );
});

test('a weighted draw draws each item once, by weight, never one without weight', () => {
  const items = ['a', 'b', 'c', 'd'];
  const source = rng('draw');
  const firsts: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
  for (let i = 0; i < 4000; i++) {
    const drawn = weightedDraw(source, items, [5n, 2n, 1n, 0n], 3);
    expect(new Set(drawn).size).toBe(3);
    firsts[drawn[0]!]!++;
  }
  expect(firsts['d']).toBe(0);
  expect(Math.abs(firsts['a']! - 2500)).toBeLessThan(150);
  expect(Math.abs(firsts['b']! - 1000)).toBeLessThan(130);
  expect(weightedDraw(source, items, [0n, 0n, 1n, 0n], 3)).toEqual(['c']);
  expect(weightedDraw(source, [], [], 3)).toEqual([]);
});

test('the seeded beacon repeats, and every part of its purpose matters', async () => {
  const value = seededBeacon('1', 'request', 'validators', 1);
  expect(value).toMatch(/^[0-9a-f]{64}$/);
  expect(await new SeededBeacon('1').draw({ requestId: 'request', what: 'validators', round: 1 })).toEqual({ kind: 'seeded', value });
  const others = [
    seededBeacon('2', 'request', 'validators', 1),
    seededBeacon('1', 'requestv', 'alidators', 1),
    seededBeacon('1', 'request', 'proposers', 1),
    seededBeacon('1', 'request', 'validators', 2),
  ];
  expect(new Set([value, ...others]).size).toBe(5);
});
