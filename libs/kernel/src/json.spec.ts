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

test('canonical text does not depend on key order', () => {
  expect(canonicalJson({ b: 1n, a: [{ d: 'x', c: null }] })).toBe(canonicalJson({ a: [{ c: null, d: 'x' }], b: 1n }));
  expect(canonicalJson({ b: 1n, a: 'x' })).toBe('{"a":"x","b":"1n"}');
});

test('a number that JSON cannot carry is refused', () => {
  expect(() => encodePayload({ score: NaN })).toThrow('NaN');
});
