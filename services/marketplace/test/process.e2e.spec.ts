import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MarketplaceService } from '@skein/contracts/marketplace';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arenaTask, federatedTask, KEY, publishKeys, publishLineage } from './lineage-story.js';
import { client, developer, requestId, session, surroundings, type Surroundings } from './marketplace-stage.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let around: Surroundings;
let child: ChildProcess | undefined;

beforeAll(async () => {
  around = await surroundings();
  around.credit.available = 10n ** 12n;
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await around?.close();
});

/** Starts the marketplace as a process of its own and waits until it is ready. */
async function start(): Promise<{ url: string; grpc: string; kill(): Promise<void> }> {
  const started = spawn(process.execPath, [MAIN, 'all'], { env: { PATH: process.env['PATH'] ?? '', ...around.environment, LOG_LEVEL: 'info' }, stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let out = '';
  started.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  started.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const ended = new Promise<void>((resolve) => started.once('close', () => resolve()));
  const port = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(out)?.[1]);
  await eventually(() => expect(port('http'), out).toBeGreaterThan(0), { timeoutMs: 30_000 });
  const url = `http://127.0.0.1:${port('http')}`;
  await eventually(async () => expect((await fetch(`${url}/health/ready`)).status).toBe(200), { timeoutMs: 20_000 });
  return {
    url,
    grpc: `127.0.0.1:${port('grpc')}`,
    kill: async () => {
      started.kill('SIGKILL');
      await ended;
    },
  };
}

const call = (url: string, key: string): Promise<Response> =>
  fetch(`${url}/v2/models/pima/infer`, {
    method: 'POST', headers: { authorization: KEY, 'idempotency-key': key },
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [Number(key.split('-')[1]), 1] }] }),
  });

test('killed in the middle of paid calls and started again, each call is answered and charged once', async () => {
  let market = await start();
  await publishKeys(around);
  await publishLineage(around);
  const owner = client(MarketplaceService, market.grpc, await session(developer));
  const lineage = { arenaTask, federatedTask, parents: [] };
  await eventually(() => owner.client.registerVersion({ requestId: requestId(1), model: 'models/pima', lineage, licence: 'Apache-2.0', intendedUse: 'tests' }), { timeoutMs: 20_000 });
  await owner.client.deploy({ requestId: requestId(2), version: 'models/pima/versions/1', priceRule: { floorE15: '1000000', rateE15: '100000', callsTarget: 100n, windowMs: 60_000n } });
  owner.close();
  await eventually(async () => expect((await call(market.url, 'warm-0')).status).toBe(200));
  const keys = Array.from({ length: 20 }, (_, index) => `call-${index}`);
  const answers = new Map<string, unknown>();
  const first = Promise.allSettled(keys.map(async (key) => {
    const response = await call(market.url, key);
    if (response.status === 200) answers.set(key, await response.json());
  }));
  // Dies as soon as some call has been charged, so that others are anywhere between their start and their end.
  await eventually(() => expect(around.credit.captures).toBeGreaterThan(3));
  await market.kill();
  await first;
  market = await start();
  for (const key of keys)
    await eventually(async () => {
      const response = await call(market.url, key);
      const json: unknown = await response.json();
      expect(response.status, JSON.stringify(json)).toBe(200);
      if (answers.has(key)) expect(json).toEqual(answers.get(key));
    }, { timeoutMs: 20_000, everyMs: 100 });
  const charged = [...around.credit.reservations.values()].filter(({ gross }) => gross !== undefined);
  expect(charged).toHaveLength(keys.length + 1);
  expect(around.credit.captures).toBe(keys.length + 1);
  await market.kill();
}, 120_000);
