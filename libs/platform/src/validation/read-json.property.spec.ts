import { fromBinary, toBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidRequestError } from '../errors/invalid-request.js';
import { CreateNoteRequestSchema } from '../../test/gen/skein/test/v1/notes_pb.js';
import { readJson } from './read-json.js';
import { validateMessage } from './validate.js';

const names = CreateNoteRequestSchema.fields.flatMap((field) => [field.name, field.jsonName]);
const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('STATE_DRAFT', '9223372036854775808', '-1', 'NaN', '1', '2026-11-23T00:00:00Z', '__proto__'));
const likely = fc.dictionary(fc.oneof(fc.constantFrom(...names, '__proto__', 'constructor', 'toString'), fc.string()), value, { maxKeys: 8 });

test('any JSON is read or refused with fields and rules, never otherwise', () => {
  fc.assert(
    fc.property(fc.oneof(likely, value), (json) => {
      try {
        const message = readJson(CreateNoteRequestSchema, json as JsonValue);
        validateMessage(CreateNoteRequestSchema, message);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRequestError);
        expect((error as InvalidRequestError).rejection.rule).toMatch(/^[a-z-]+$/);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('what is read says the same again as JSON and as bytes', () => {
  const good = fc.record({
    title: fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
    state: fc.constantFrom('STATE_DRAFT', 'STATE_DONE'),
    big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    parts: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()), count: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String) })),
    raw: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
    ratio: fc.double({ noNaN: true, noDefaultInfinity: true }),
  });
  fc.assert(
    fc.property(good, (json) => {
      const message = readJson(CreateNoteRequestSchema, json);
      expect(readJson(CreateNoteRequestSchema, toJson(CreateNoteRequestSchema, message))).toEqual(message);
      expect(fromBinary(CreateNoteRequestSchema, toBinary(CreateNoteRequestSchema, message))).toEqual(message);
    }),
  );
});
