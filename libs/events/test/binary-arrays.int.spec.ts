import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bigintArray, intArray, jsonArray, textArray, uuidArray } from '../src/binary-arrays.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());

const read = async (type: string, value: Buffer): Promise<unknown> => (await db.appPool.query<{ read: unknown }>(`SELECT $1::${type}[] AS read`, [value])).rows[0]?.read;
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.replaceAll('\u0000', '').toWellFormed());

test.each([
  ['text', text, textArray, (value: string) => value],
  ['integer', fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), intArray, (value: number) => value],
  ['bigint', fc.option(fc.maxSafeInteger()), bigintArray, (value: number | null) => (value === null ? null : String(value))],
  ['uuid', fc.uuid(), uuidArray, (value: string) => value],
  ['json', fc.option(fc.jsonValue().map((value) => JSON.stringify(value))), jsonArray, (value: string | null) => (value === null ? null : (JSON.parse(value) as unknown))],
] as [string, fc.Arbitrary<unknown>, (values: unknown[]) => Buffer, (value: unknown) => unknown][])('the database reads arrays of %s as they were', async (type, arbitrary, encode, expected) => {
  await fc.assert(fc.asyncProperty(fc.array(arbitrary, { minLength: 1, maxLength: 12 }), async (values) => {
    expect(await read(type, encode(values))).toEqual(values.map(expected));
  }), { numRuns: 60 });
});
