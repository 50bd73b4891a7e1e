import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { FAILPOINTS, failpoint, OUTBOX_FAILPOINTS, REPAIR_FAILPOINTS } from './failpoint.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HOOK = Symbol.for('skein.failpoint');

/** Every `failpoint(…)` call of the sources with what stands between its parentheses. */
function calls(): { file: string; argument: string }[] {
  return globSync('{libs,services}/**/src/**/*.ts', { cwd: ROOT, exclude: (name) => name === 'node_modules' || name === 'dist' })
    .filter((file) => !file.endsWith('.spec.ts') && !file.endsWith('failpoint.ts'))
    .flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\bfailpoint\(([^)]*)\)/g)].map((match) => ({ file, argument: match[1] ?? '' })));
}

afterEach(() => void Reflect.deleteProperty(globalThis, HOOK));

test('every failpoint of the list is called somewhere, and every call names one of the list', () => {
  const called = new Set(calls().flatMap(({ argument }) => [...argument.matchAll(/'([^']+)'/g)].map((match) => match[1])));
  expect([...called].sort()).toEqual([...Object.keys(FAILPOINTS), ...Object.keys(REPAIR_FAILPOINTS), ...Object.keys(OUTBOX_FAILPOINTS)].sort());
});

test('every call names its failpoint literally, so that the list can be checked', () => {
  expect(calls().filter(({ argument }) => !argument.includes("'"))).toEqual([]);
});

test('without a hook nothing happens; with one it is told the name, and what it throws reaches the caller', () => {
  failpoint('append.before');
  const names: string[] = [];
  Reflect.set(globalThis, HOOK, (name: string) => names.push(name));
  failpoint('relay.sent');
  failpoint('job.claimed');
  expect(names).toEqual(['relay.sent', 'job.claimed']);
  Reflect.set(globalThis, HOOK, () => {
    throw new Error('stop here');
  });
  expect(() => failpoint('relay.sent')).toThrow('stop here');
});

test('each line says what lies before and after', () => {
  for (const { before, after } of Object.values({ ...FAILPOINTS, ...REPAIR_FAILPOINTS, ...OUTBOX_FAILPOINTS })) expect([before, after].every((text) => text.length > 10)).toBe(true);
});
