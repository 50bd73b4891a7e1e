import { readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload } from '@skein/kernel';
import { expect, test } from 'vitest';
import type { Fact } from '../src/domain/facts.js';
import { goldenFacts } from './golden-facts.js';

const folder = new URL('./golden/facts/', import.meta.url);
const stored = (kind: string): unknown => JSON.parse(readFileSync(new URL(`${kind}.json`, folder), 'utf8'));

test('every kind of fact has its golden file, and nothing else has', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(goldenFacts).map((kind) => `${kind}.json`).sort());
});

test.each(Object.entries(goldenFacts))('a fact %s is stored as it was first, and still reads', (kind, fact: Fact) => {
  expect(stored(kind)).toEqual(encodePayload(fact));
  expect(decodePayload(stored(kind))).toEqual(fact);
});
