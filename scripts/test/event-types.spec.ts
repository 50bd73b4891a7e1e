import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodePayload, schemaVersionOf, upcast, type Upcasters } from '@skein/kernel';
import { loadTopics, type Publication } from '@skein/messaging';
import { describe, expect, test } from 'vitest';

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

interface Definition {
  name?: string;
  upcasters?: Upcasters;
  publications?: readonly Publication[];
}

async function definitionOf(service: string): Promise<Definition> {
  const module = (await import(join(services, service, `src/${service}.service.ts`))) as Record<string, Definition>;
  const definition = Object.values(module).find((value) => value?.name === service);
  if (definition === undefined) throw new Error(`${service} exports no definition`);
  return definition;
}

const byFile = (a: string, b: string): number => (a.slice(66) < b.slice(66) ? -1 : 1);

/** Names and kinds of values, not the values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).sort().map(([name, part]) => [name, shapeOf(part)]));
}

const owners = readdirSync(services);
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

test('every topic keeps each message without end, but for those whose every message is the whole state of its key', async () => {
  const published = (await Promise.all(owners.map(async (service) => (await definitionOf(service)).publications ?? []))).flat();
  const specs = await loadTopics();
  expect([specs.length > 10, published.length > 5]).toEqual([true, true]);
  const forgetful = specs.filter(({ topic, retention }) => {
    const own = published.filter((publication) => publication.topic === topic);
    return retention !== 'infinite' && (own.length === 0 || own.some(({ messages }) => messages !== 'whole-state'));
  });
  expect(forgetful).toEqual([]);
});

/** A golden file holds the data of one event as it was stored: `<type>.json` in schema version 1, `<type>.s<version>.json` later. */
interface Golden {
  service: string;
  type: string;
  schemaVersion: number;
  data: unknown;
}

function goldenOf(service: string): Golden[] {
  const at = join(services, service, 'test/golden/events');
  return readdirSync(at).map((file) => {
    const [, type = '', version = '1'] = /^(.*?)(?:\.s(\d+))?\.json$/.exec(file) ?? [];
    const content = JSON.parse(readFileSync(join(at, file), 'utf8')) as { type?: string; schemaVersion?: number; data?: unknown };
    return { service, type, schemaVersion: Number(version), data: content.type === type && content.schemaVersion !== undefined ? content.data : content };
  });
}

/** Event types that a service's domain names: what its deciders write and fold. */
function declaredBy(service: string): string[] {
  const domain = join(services, service, 'src/domain');
  const files = readdirSync(domain, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
  return [...new Set(files.flatMap((file) => matches(readFileSync(join(domain, file), 'utf8'), TYPE)))].sort();
}

const upcastersOf = async (service: string): Promise<Upcasters> => (await definitionOf(service)).upcasters ?? {};

describe.each(owners)('events of %s', (service) => {
  test('every declared type has a golden file of every schema version ever written, and there is no other', async () => {
    const upcasters = await upcastersOf(service);
    const declared = declaredBy(service);
    expect(declared.length).toBeGreaterThan(3);
    const expected = declared.flatMap((type) => Array.from({ length: schemaVersionOf(upcasters, type) }, (_, at) => `${type} ${at + 1}`));
    expect(goldenOf(service).map(({ type, schemaVersion }) => `${type} ${schemaVersion}`).sort()).toEqual(expected.sort());
    expect(Object.keys(upcasters).filter((type) => !declared.includes(type))).toEqual([]);
  });

  test('each of a former schema version is lifted to the shape of the newest', async () => {
    const upcasters = await upcastersOf(service);
    const golden = goldenOf(service);
    for (const { type, schemaVersion, data } of golden) {
      const newest = golden.find((other) => other.type === type && other.schemaVersion === schemaVersionOf(upcasters, type));
      expect([type, schemaVersion, shapeOf(upcast(upcasters, type, schemaVersion, decodePayload(data)))]).toEqual([type, schemaVersion, shapeOf(decodePayload(newest?.data))]);
    }
  });
});

test('there are events of a former schema version, so that the comparison above compares something', async () => {
  const former = await Promise.all(owners.map(async (service) => {
    const upcasters = await upcastersOf(service);
    return goldenOf(service).filter(({ type, schemaVersion }) => schemaVersion < schemaVersionOf(upcasters, type));
  }));
  const found = former.flat();
  expect(found.length).toBeGreaterThan(0);
  // Without its upcaster each of them would be found: the data as they were stored are not those of today.
  for (const { service, type, data } of found) {
    const upcasters = await upcastersOf(service);
    const newest = goldenOf(service).find((other) => other.type === type && other.schemaVersion === schemaVersionOf(upcasters, type));
    expect(shapeOf(decodePayload(data))).not.toEqual(shapeOf(decodePayload(newest?.data)));
  }
});

test('what has been written once is frozen: a file of a stored event is added, never changed', () => {
  const actual = owners.flatMap((service) => {
    const at = join(services, service, 'test/golden/events');
    return readdirSync(at).map((file) => `${createHash('sha256').update(readFileSync(join(at, file))).digest('hex')}  ${service}/${file}`);
  });
  const frozen = readFileSync(new URL('./golden-events.sha256', import.meta.url), 'utf8').trimEnd().split('\n');
  expect(actual.sort(byFile), 'another form of an event is a new schema version with an upcaster and a file of its own').toEqual(frozen);
});
