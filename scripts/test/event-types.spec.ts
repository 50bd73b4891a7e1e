import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const services = fileURLToPath(new URL('../../services', import.meta.url));
const TYPE = /'(skein\.[a-z]+\.[a-z0-9.-]+\.v\d+)'/g;
const TOPIC = /topic: '([a-z.-]+v\d+)'|topic = '([a-z.-]+v\d+)'|TOPIC = '([a-z.-]+v\d+)'/g;

function texts(folder: 'publish' | 'interface/events'): { file: string; text: string }[] {
  return readdirSync(services).flatMap((service) => {
    const at = join(services, service, 'src', folder);
    let files: string[] = [];
    try {
      files = readdirSync(at).filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
    } catch {
      return []; // a service may publish or consume nothing
    }
    return files.map((file) => ({ file: `${service}/${folder}/${file}`, text: readFileSync(join(at, file), 'utf8') }));
  });
}

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match.slice(1).find((group) => group !== undefined) as string);
const published = new Set(texts('publish').flatMap(({ text }) => matches(text, TYPE)));
const consumed = texts('interface/events').flatMap(({ file, text }) => matches(text, TYPE).map((type): [string, string] => [type, file]));

test('there is something to compare', () => {
  expect([published.size > 10, consumed.length > 10]).toEqual([true, true]);
});

test.each(consumed)('%s, consumed in %s, is a type that some service publishes', (type) => {
  expect([...published]).toContain(type);
});

test('every topic that is published or consumed is in the manifest', () => {
  const manifest = readFileSync(new URL('../../proto/topics.yaml', import.meta.url), 'utf8');
  const named = [...texts('publish'), ...texts('interface/events')].flatMap(({ text }) => matches(text, TOPIC));
  expect([...new Set(named)].filter((topic) => !manifest.includes(`topic: ${topic},`))).toEqual([]);
});
