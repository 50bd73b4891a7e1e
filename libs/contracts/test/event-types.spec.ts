import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EVENT_TYPES } from '../src/event-types.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const all = Object.values(EVENT_TYPES).flat();

test('each type is there once, and each topic is one of the manifest', () => {
  const topics = readFileSync(`${root}proto/topics.yaml`, 'utf8');
  expect(new Set(all).size).toBe(all.length);
  for (const topic of Object.keys(EVENT_TYPES)) expect(topics).toContain(`topic: ${topic},`);
});

test('every type that has a golden public message is in the list', () => {
  const files = globSync('services/*/test/golden/messages/*.json', { cwd: root }).map((file) => basename(file, '.json'));
  const { messages } = { messages: JSON.parse(readFileSync(`${root}services/arena/test/golden/public-messages.json`, 'utf8')) as { topic: string; type: string }[] };
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((type) => !all.includes(type))).toEqual([]);
  expect(messages.filter(({ topic, type }) => !EVENT_TYPES[topic]?.includes(type))).toEqual([]);
});

test('every type that a consumer names is in the list', () => {
  const named = globSync('services/*/src/interface/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.spec.ts'))
    .flatMap((file) => [...readFileSync(root + file, 'utf8').matchAll(/\btype: '(skein\.[a-z0-9.-]+\.v\d+)'/g)].map(([, type]) => type!));
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((type) => !all.includes(type))).toEqual([]);
});
