import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HELP, parseOptions } from '../src/options.js';
import { assertPortsFree, portsFrom, SERVICE_NAMES } from '../src/ports.js';
import { loadSecrets } from '../src/secrets.js';

test('without options it runs in .skein from port 7400', () => {
  expect(parseOptions([])).toEqual({ data: '.skein', ephemeral: false, portBase: 7400, quiet: false });
});

test('every option is understood and explained', () => {
  expect(parseOptions(['--data', '/a b', '--port-base', '9000', '--seed', 's', '--quiet'])).toEqual({ data: '/a b', ephemeral: false, portBase: 9000, quiet: true, seed: 's' });
  expect(parseOptions(['--help'])).toBeUndefined();
  for (const option of ['--data', '--ephemeral', '--port-base', '--seed', '--quiet']) expect(HELP).toContain(option);
});

test.each([
  [['--port-base', '80'], '--port-base must be an integer from 1024'],
  [['--port-base', '65530'], '--port-base must be an integer from 1024'],
  [['--port-base', 'x'], 'not "x"'],
  [['--ephemeral', '--data', 'd'], '--ephemeral keeps nothing'],
  [['--colour'], '--colour'],
])('%j is refused by name', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});

test('no two ports of one base are the same, and all lie within the stated range', () => {
  const ports = portsFrom(5000);
  const all = [ports.front, ports.postgres, ports.anvil, ...SERVICE_NAMES.flatMap((name) => [ports.grpc[name], ports.internal[name]])];
  expect(new Set(all).size).toBe(15);
  expect(Math.max(...all)).toBe(5021);
});

test('a taken port is named with its use and the option to change', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen({ port: 0, host: '127.0.0.1' }, resolve));
  const { port } = taken.address() as { port: number };
  await expect(assertPortsFree({ ...portsFrom(port), front: port })).rejects.toThrow(`port ${port} (front)`);
  await expect(assertPortsFree({ ...portsFrom(port), front: port })).rejects.toThrow('--port-base');
  await new Promise((resolve) => taken.close(resolve));
});

test('secrets are made once, readable by their owner alone, and kept', () => {
  const data = mkdtempSync(join(tmpdir(), 'skein-secrets-'));
  const first = loadSecrets(data);
  expect(loadSecrets(data)).toEqual(first);
  expect(first.operatorToken).toMatch(/^op_[0-9a-f]{64}$/);
  expect(statSync(join(data, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(data)).toEqual(['secrets.json']);
});

test('the same seed makes the same secrets; another seed than the kept one is refused', () => {
  const [a, b] = [mkdtempSync(join(tmpdir(), 'skein-a-')), mkdtempSync(join(tmpdir(), 'skein-b-'))];
  expect(loadSecrets(a, 'seven')).toEqual(loadSecrets(b, 'seven'));
  expect(() => loadSecrets(a, 'eight')).toThrow('--seed');
});
