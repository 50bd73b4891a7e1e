import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { devAccount, devKey } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import type { Rejection } from '@skein/kernel';
import { parseTransaction, type Address, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Signer, UnsignedTransaction } from '../application/outbox/ports.js';
import { signed } from '../application/outbox/signed-transaction.js';
import { keyFileSigner } from './signer-key.js';
import { remoteSigner } from './signer-remote.js';

const account = devAccount('signer', 'spec');
const key = devKey('signer', 'spec');
/** anvil's first account, which it signs for. */
const UNLOCKED: Address = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
let anvil: Anvil;
let folder: string;
let server: Server;
let url: string;
/** What the remote signer answers to a request's transaction. */
let answer: (asked: Record<string, Hex>) => Promise<unknown>;

const transactionOf = (asked: Record<string, Hex>) => ({
  type: 'eip1559' as const, to: asked['to']!, data: asked['data']!, value: 0n, chainId: Number(asked['chainId']), nonce: Number(asked['nonce']), gas: BigInt(asked['gas']!),
  maxFeePerGas: BigInt(asked['maxFeePerGas']!), maxPriorityFeePerGas: BigInt(asked['maxPriorityFeePerGas']!),
});

beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
  folder = mkdtempSync(join(tmpdir(), 'skein-signer-'));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const { id, params } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; params: Record<string, Hex>[] };
      void answer(params[0]!).then((result) => response.end(typeof result === 'string' && result.startsWith('<') ? result : JSON.stringify({ jsonrpc: '2.0', id, ...(result as object) })));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  rmSync(folder, { recursive: true });
  await anvil.stop();
});

const file = (name: string, content: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};
const asked = (nonce: number): UnsignedTransaction => ({ to: `0x${'ab'.repeat(20)}`, data: '0x12345678', chainId: 31_337, nonce, gas: 50_000n, feeMax: 3_000_000_000n, tipMax: 1n });

const signers: [string, () => Signer][] = [
  ['a key file', () => keyFileSigner(file('good', `0x${key.slice(2)}\n`))],
  ['a remote signer that answers bytes', () => {
    answer = async (transaction) => ({ result: await account.signTransaction(transactionOf(transaction)) });
    return remoteSigner(url, account.address.toLowerCase() as Address);
  }],
  ['a remote signer that answers fields, too', () => {
    answer = async (transaction) => ({ result: { raw: await account.signTransaction(transactionOf(transaction)), tx: {} } });
    return remoteSigner(url, account.address.toLowerCase() as Address);
  }],
  ['a real node that holds the key', () => remoteSigner(anvil.rpcUrl, UNLOCKED)],
];

describe.each(signers)('%s', (_name, make) => {
  test('signs exactly what it is asked for, at nonce 0 and later', async () => {
    const signer = make();
    for (const nonce of [0, 7]) {
      const made = await signed(signer, asked(nonce), 1000);
      const { nonce: found = 0, to } = parseTransaction(`0x${Buffer.from(made.raw, 'base64').toString('hex')}`);
      expect([found, to, made.signedAtMs, made.hash]).toEqual([nonce, asked(0).to, 1000, expect.stringMatching(/^0x[0-9a-f]{64}$/)]);
    }
  });

  test('signs the same again for the same', async () => {
    const signer = make();
    expect(await signed(signer, asked(3), 1)).toEqual(await signed(signer, asked(3), 1));
  });
});

test('a key that others may read, that is none or that is not there is refused by name', () => {
  mkdirSync(join(folder, 'sub'));
  expect(() => keyFileSigner(file('group', key, 0o640))).toThrow('signer-key-open-to-others');
  expect(() => keyFileSigner(file('all', key, 0o604))).toThrow('signer-key-open-to-others');
  expect(() => keyFileSigner(join(folder, 'none'))).toThrow('signer-key-missing');
  expect(() => keyFileSigner(join(folder, 'sub'))).toThrow('signer-key-');
  expect(() => keyFileSigner(file('short', key.slice(0, 60)))).toThrow('signer-key-malformed');
  expect(() => keyFileSigner(file('zero', '0'.repeat(64)))).toThrow('signer-key-malformed');
});

const ruleOf = async (work: Promise<unknown>): Promise<string> => work.then(() => 'signed', (error: { rejection?: { rule: string } }) => error.rejection?.rule ?? String(error));

test('a remote signer that refuses, lies or is not there is named', async () => {
  const signer = remoteSigner(url, account.address.toLowerCase() as Address);
  const cases: [string, typeof answer][] = [
    ['signer-refused', async () => ({ error: { code: -32000, message: 'locked' } })],
    ['signer-answered-otherwise', async () => '<html>gateway</html>'],
    ['signer-answered-otherwise', async () => ({ result: null })],
    ['signer-answered-otherwise', async () => ({ result: '0x02' })],
    ['signer-answered-otherwise', async (transaction) => ({ result: await account.signTransaction({ ...transactionOf(transaction), value: 1n }) })],
    ['signer-answered-otherwise', async (transaction) => ({ result: await account.signTransaction({ ...transactionOf(transaction), nonce: 9 }) })],
    ['signer-answered-otherwise', async (transaction) => ({ result: await devAccount('signer', 'other').signTransaction(transactionOf(transaction)) })],
  ];
  for (const [rule, lie] of cases) {
    answer = lie;
    expect(await ruleOf(signed(signer, asked(1), 1))).toBe(rule);
  }
  expect(await ruleOf(signed(remoteSigner('http://127.0.0.1:1', UNLOCKED), asked(1), 1))).toBe('signer-unreachable');
});

test('an answer without end, and one that never comes, are given up: by size and by time', async () => {
  const flood = createServer((request, response) => {
    request.resume();
    const more = (): void => void (response.destroyed || response.write('f'.repeat(65_536), () => setImmediate(more)));
    more();
  });
  const silent = createServer((request) => void request.resume());
  const drip = createServer((request, response) => {
    request.resume();
    const next = (): void => void (response.destroyed || response.write(' ', () => setImmediate(next)));
    next();
  });
  const servers = [flood, silent, drip];
  try {
    const [floodUrl, silentUrl, dripUrl] = await Promise.all(servers.map((one) => new Promise<string>((listening) => {
      one.listen(0, '127.0.0.1', () => listening(`http://127.0.0.1:${(one.address() as AddressInfo).port}`));
    })));
    const thrown = async (at: string): Promise<Rejection> => remoteSigner(at, UNLOCKED, 300).sign(asked(1)).then(() => expect.unreachable(), (error: { rejection: Rejection }) => error.rejection);
    // A flood of any length ends at what is read of it, or at the time.
    expect(await remoteSigner(floodUrl!, UNLOCKED, 10_000).sign(asked(1)).catch((error: { rejection: Rejection }) => error.rejection)).toMatchObject({ rule: 'signer-answered-otherwise', message: 'the remote signer answered more than 1048576 bytes' });
    expect(await thrown(silentUrl!)).toMatchObject({ rule: 'signer-unreachable', retriable: true, message: 'the remote signer did not answer within 300 ms' });
    expect(await thrown(dripUrl!)).toMatchObject({ rule: expect.stringMatching(/^signer-/), retriable: true });
  } finally {
    for (const one of servers) one.closeAllConnections();
    for (const one of servers) one.close();
  }
});

test('a refusal is cut short, and what it repeats of the URL is hidden', async () => {
  answer = async () => ({ error: { code: -32000, message: `no key for ${url}/hush-hush-path ${'x'.repeat(100_000)}` } });
  const rejection = await remoteSigner(`${url}/hush-hush-path`, UNLOCKED).sign(asked(1)).catch((error: { rejection: Rejection }) => error.rejection) as Rejection;
  expect(rejection).toMatchObject({ rule: 'signer-refused', message: expect.not.stringContaining('hush-hush') });
  expect(rejection.message.length).toBeLessThan(300);
});

test('neither the key nor a password in the URL is in what a signer shows or throws', async () => {
  const bare = key.slice(2);
  const seen: string[] = [];
  const show = (value: unknown): void => void seen.push(inspect(value, { depth: 20, showHidden: true, getters: true }), JSON.stringify(value) ?? '');
  show(keyFileSigner(file('shown', key)));
  for (const path of [file('long', `${key}${key}`), file('typo', `${bare.slice(0, 63)}g`), file('wide', key, 0o644)]) {
    try {
      keyFileSigner(path);
    } catch (error) {
      show(error);
      seen.push((error as Error).stack ?? '');
    }
  }
  await remoteSigner('http://user:hush-hush@127.0.0.1:1', UNLOCKED).sign(asked(1)).catch((error: unknown) => show(error));
  expect(seen.length).toBeGreaterThan(8);
  const text = seen.join('\n').toLowerCase();
  expect([text.includes(bare.slice(0, 32)), text.includes(bare.slice(32)), text.includes('hush-hush')]).toEqual([false, false, false]);
});
