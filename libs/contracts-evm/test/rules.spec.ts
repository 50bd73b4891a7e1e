import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const folder = new URL('../forge/', import.meta.url);
const text = (file: string): string => readFileSync(new URL(file, folder), 'utf8');

test('every test that the list of rules names is there', () => {
  const sources = readdirSync(folder).filter((file) => file.endsWith('.t.sol')).map(text).join('\n');
  const tests = new Set([...sources.matchAll(/function ((?:test|invariant)\w*)\(/g)].map(([, name]) => name));
  const named = [...text('README.md').matchAll(/`((?:test|invariant)\w*_\w+)`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter((name) => !tests.has(name))).toEqual([]);
});
