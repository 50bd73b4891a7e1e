import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkUpcasters, schemaVersionOf, upcast, upcasterChain, type Upcaster } from './upcasters.js';

const TYPE = 'skein.test.price.changed.v1';
const steps: Upcaster[] = [
  { type: TYPE, from: 2, lift: (data) => ({ ...(data as object), currency: 'USD' }) },
  { type: TYPE, from: 1, lift: (data) => ({ units: BigInt((data as { cents: number }).cents) * 10_000_000n }) },
];

test('steps make a chain in whatever order they are given', () => {
  const chain = upcasterChain(steps);
  expect(schemaVersionOf(chain, TYPE)).toBe(3);
  expect(schemaVersionOf(chain, 'skein.test.other.v1')).toBe(1);
  const newest = { units: 50_000_000n, currency: 'USD' };
  expect(upcast(chain, TYPE, 1, { cents: 5 })).toEqual(newest);
  expect(upcast(chain, TYPE, 2, { units: 50_000_000n })).toEqual(newest);
  expect(upcast(chain, TYPE, 3, newest)).toBe(newest);
  expect(upcast(chain, 'skein.test.other.v1', 1, newest)).toBe(newest);
});

test('a type that is called like a property of every object has no steps', () => {
  expect(schemaVersionOf({}, 'constructor')).toBe(1);
  expect(upcast({}, 'toString', 1, 'x')).toBe('x');
});

test('a gap, a step given twice and a version from the future are errors that name type and version', () => {
  expect(() => upcasterChain(steps.slice(0, 1))).toThrow(`${TYPE} has no upcaster from schema version 1, but one from 2`);
  expect(() => upcasterChain([...steps, ...steps])).toThrow('two upcasters from schema version 1');
  expect(() => upcasterChain([{ ...steps[0]!, from: 0 }])).toThrow('schema version 0');
  const holes: ((data: unknown) => unknown)[] = [(data) => data];
  holes[2] = (data) => data;
  expect(() => checkUpcasters({ [TYPE]: holes })).toThrow(`${TYPE} has no upcaster from schema version 2`);
  expect(() => upcast(upcasterChain(steps), TYPE, 4, {})).toThrow(`${TYPE} has schema version 4, newer than this program knows (3)`);
});

test('from any version the same newest data come out as step by step', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer(), (length, start) => {
    const chain = upcasterChain(Array.from({ length }, (_, at) => ({ type: TYPE, from: at + 1, lift: (data: unknown) => ({ n: (data as { n: number }).n * 3 + at }) })));
    const versions: unknown[] = [{ n: start }];
    for (let at = 0; at < length; at += 1) versions.push({ n: (versions[at] as { n: number }).n * 3 + at });
    for (const [at, data] of versions.entries()) expect(upcast(chain, TYPE, at + 1, data)).toEqual(versions[length]);
  }));
});
