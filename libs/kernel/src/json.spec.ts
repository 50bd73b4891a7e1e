import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, decodePayload, encodePayload } from './json.js';

const payload = fc.letrec((tie) => ({
  value: fc.oneof(
    fc.string(),
    fc.constantFrom('12n', '$', '$12n', '-4n', '$$'),
    fc.bigInt(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

test('every payload survives encoding, JSON text and decoding', () => {
  fc.assert(
    fc.property(payload, (value) => {
      expect(decodePayload(JSON.parse(JSON.stringify(encodePayload(value))))).toEqual(value);
    }),
  );
});

test('nothing of the argument is changed, and what has nothing to change is not copied', () => {
  fc.assert(
    fc.property(payload, (value) => {
      const before = structuredClone(value);
      const encoded = encodePayload(value);
      decodePayload(encoded);
      expect(value).toEqual(before);
    }),
  );
  const plain = { a: [1, 'x', null], b: { c: true } };
  expect(encodePayload(plain)).toBe(plain);
  expect(decodePayload(plain)).toBe(plain);
  const mixed = { plain, units: 5n };
  expect(encodePayload(mixed)).toEqual({ plain, units: '5n' });
  expect((encodePayload(mixed) as typeof mixed).plain).toBe(plain);
});

test('fields without a value go, wherever they stand, and a field may be named __proto__', () => {
  expect(encodePayload({ a: undefined, b: 1, c: undefined, d: '$' })).toEqual({ b: 1, d: '$$' });
  expect(Object.keys(encodePayload({ a: undefined, b: 1 }) as object)).toEqual(['b']);
  const odd: unknown = JSON.parse('{"__proto__":"$x","a":1}');
  expect(JSON.stringify(decodePayload(odd))).toBe('{"__proto__":"x","a":1}');
  expect(encodePayload({ date: new Date(0) })).toEqual({ date: {} });
});

test('deep payloads cost no more than their size', () => {
  let deep: unknown = 1n;
  for (let level = 0; level < 200; level += 1) deep = { beside: 'x', deep };
  expect(decodePayload(encodePayload(deep))).toEqual(deep);
});

test('canonical text does not depend on key order', () => {
  expect(canonicalJson({ b: 1n, a: [{ d: 'x', c: null }] })).toBe(canonicalJson({ a: [{ c: null, d: 'x' }], b: 1n }));
  expect(canonicalJson({ b: 1n, a: 'x' })).toBe('{"a":"x","b":"1n"}');
});

test('a number that JSON cannot carry is refused', () => {
  expect(() => encodePayload({ score: NaN })).toThrow('NaN');
});
