import { create, type JsonValue } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { InvalidRequestError, type Violation } from '../errors/invalid-request.js';
import { CreateNoteRequestSchema, NoteSchema, type State } from '../../test/gen/skein/test/v1/notes_pb.js';
import { readJson } from './read-json.js';
import { validateMessage } from './validate.js';

const REQUEST_ID = '018f0000-0000-7000-8000-000000000001';
const good = (): Record<string, JsonValue> => ({ requestId: REQUEST_ID, title: 'a note', state: 'STATE_DRAFT', price: { asset: 'FLOCK', units: '1' }, parts: [{ key: 'one' }] });

/** All violations of a JSON request, from the strict reader or, where it can be read, from the rules. */
function violations(json: JsonValue): readonly Violation[] {
  try {
    return validateMessage(CreateNoteRequestSchema, readJson(CreateNoteRequestSchema, json));
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.violations;
    throw error;
  }
}
const broken = (change: Record<string, JsonValue>): readonly Violation[] => violations({ ...good(), ...change });

test('a good request has no violations', () => {
  expect(violations(good())).toEqual([]);
});

const part = { key: 'one' };
test.each<[string, Record<string, JsonValue>, string, string]>([
  ['missing text', { title: '' }, 'title', 'required'],
  ['null counts as missing', { title: null }, 'title', 'required'],
  ['missing enum', { state: 'STATE_UNSPECIFIED' }, 'state', 'required'],
  ['missing message', { price: null }, 'price', 'required'],
  ['missing text in a message', { price: { asset: '', units: '1' } }, 'price.asset', 'required'],
  ['too short', { title: 'x' }, 'title', 'min-len'],
  ['too long', { title: 'x'.repeat(21) }, 'title', 'max-len'],
  ['pattern', { title: 'a-note' }, 'title', 'pattern'],
  ['pattern is anchored', { title: 'note\n9' }, 'title', 'pattern'],
  ['wrong type: number for text', { title: 7 }, 'title', 'type'],
  ['wrong type: text for object', { price: 'much' }, 'price', 'type'],
  ['wrong type: object for list', { parts: {} }, 'parts', 'type'],
  ['wrong type: null in a list', { parts: [null] }, 'parts[0]', 'type'],
  ['wrong type: text for bool', { flag: 'true' }, 'flag', 'type'],
  ['wrong type: number for bytes', { raw: 1 }, 'raw', 'type'],
  ['wrong type: bytes that are no base64', { raw: '§§' }, 'raw', 'type'],
  ['wrong type: bool for enum', { state: true }, 'state', 'type'],
  ['wrong type: fraction for integer', { small: 1.5 }, 'small', 'type'],
  ['wrong type: words for integer', { big: 'many' }, 'big', 'type'],
  ['wrong type: hexadecimal', { big: '0x10' }, 'big', 'type'],
  ['wrong type: words for float', { ratio: 'half' }, 'ratio', 'type'],
  ['wrong type: no time', { due: 'tomorrow' }, 'due', 'type'],
  ['lone surrogate', { title: '\ud800\ud800' }, 'title', 'type'],
  ['unknown field', { colour: 'red' }, 'colour', 'unknown-field'],
  ['unknown field deep down', { parts: [{ key: 'one', size: 1 }] }, 'parts[0].size', 'unknown-field'],
  ['unknown enum name', { state: 'STATE_NEW' }, 'state', 'known-enum'],
  ['unknown enum number', { state: 99 }, 'state', 'known-enum'],
  ['unknown enum in a list', { states: ['STATE_DONE', 'NO'] }, 'states[1]', 'known-enum'],
  ['past 64 bits', { big: '9223372036854775808' }, 'big', 'range'],
  ['below 64 bits', { big: '-9223372036854775809' }, 'big', 'range'],
  ['a number that JSON has rounded', { big: 9007199254740993 }, 'big', 'range'],
  ['past 32 bits', { small: 2147483648 }, 'small', 'range'],
  ['negative where unsigned', { parts: [{ key: 'one', count: '-1' }] }, 'parts[0].count', 'range'],
  ['below the minimum', { big: '-6' }, 'big', 'min'],
  ['above the maximum', { big: '9000000000000000001' }, 'big', 'max'],
  ['an explicit zero', { minimum: '0' }, 'minimum', 'min'],
  ['NaN', { ratio: 'NaN' }, 'ratio', 'min'],
  ['infinite', { ratio: 'Infinity' }, 'ratio', 'max'],
  ['no items', { parts: [] }, 'parts', 'min-items'],
  ['too many items', { parts: [part, part, part, part] }, 'parts', 'max-items'],
  ['item of a map', { byName: { x: { key: 'Not A Slug' } } }, 'by_name.x.key', 'format'],
  ['item of a list', { parts: [part, { key: 'one', count: '11' }] }, 'parts[1].count', 'max'],
  ['message in a oneof', { right: {} }, 'right.key', 'required'],
  ['two of a oneof', { left: 'x', right: { key: 'one' } }, 'right', 'oneof'],
  ['no wallet', { wallet: '0x00' }, 'wallet', 'format'],
  ['no hash', { sha256: 'AB'.repeat(32) }, 'sha256', 'format'],
  ['negative units', { price: { asset: 'FLOCK', units: '-1' } }, 'price.units', 'format'],
  ['units with a leading zero', { price: { asset: 'FLOCK', units: '01' } }, 'price.units', 'format'],
  ['zero where it must be positive', { positive: '0' }, 'positive', 'format'],
  ['too many bytes', { raw: 'AAAAAAAA' }, 'raw', 'max-len'],
])('%s', (_, change, field, rule) => {
  const found = broken(change);
  expect(found.map((violation) => ({ field: violation.field, rule: violation.rule }))).toEqual([{ field, rule }]);
  expect(found[0]?.message).not.toBe('');
});

test('everything that is wrong is named at once', () => {
  expect(broken({ title: 1, colour: 'red', big: 'x' }).map(({ field }) => field)).toEqual(['title', 'colour', 'big']);
  expect(violations({}).map(({ field }) => field)).toEqual(['title', 'state', 'price', 'parts']);
});

test.each<[string, JsonValue]>([['a list', []], ['text', 'x'], ['null', null]])('a body that is %s', (_, json) => {
  expect(violations(json)).toMatchObject([{ field: '', rule: 'type' }]);
});

test('deep nesting ends in a refusal, not in a stack overflow', () => {
  const json = JSON.parse('{"parts":'.repeat(2_000) + '1' + '}'.repeat(2_000)) as JsonValue;
  expect(violations(json)[0]?.rule).toMatch(/^(type|unknown-field|depth)$/);
});

test('the length of a text counts characters, not UTF-16 units', () => {
  expect(validateMessage(NoteSchema, create(NoteSchema, { title: '🦢'.repeat(20) }))).toEqual([]);
  expect(validateMessage(NoteSchema, create(NoteSchema, { title: '🦢'.repeat(21) }))).toMatchObject([{ rule: 'max-len' }]);
});

test('an enum number that gRPC lets through is refused by the rules', () => {
  const message = create(CreateNoteRequestSchema, { title: 'a note', state: 42 as State, price: { asset: 'FLOCK', units: '1' }, parts: [{ key: 'one' }] });
  expect(validateMessage(CreateNoteRequestSchema, message)).toMatchObject([{ field: 'state', rule: 'known-enum' }]);
});
