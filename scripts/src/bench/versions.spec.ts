import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { installedVersion, MESSAGING, programVersion } from './versions.js';

const pinned = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { dependencies: Record<string, string> }).dependencies;

test.each(['@event-driven-io/emmett', '@event-driven-io/emmett-postgresql', 'pg', 'autocannon'])('%s is the one that is asked for', (name) =>
  expect(installedVersion(name)).toBe(pinned[name]));

test('clients of the event log are those of its library', () => {
  for (const name of ['kafkajs', '@platformatic/kafka']) expect(installedVersion(name, MESSAGING)).toMatch(/^\d+\.\d+\.\d+/);
});

test('what is not there is an error', () => expect(() => installedVersion('@skein/of-nobody')).toThrow('@skein/of-nobody'));

test('a running program says its own', () => {
  expect(programVersion(process.pid)).toBe(process.version.slice(1));
  expect(programVersion(2 ** 30)).toBeUndefined();
});
