import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainReader, devAccount, devKey, fundGas, hasRole, parseAddressBook, parseDeployment } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import { eventually, spawnTs } from '@skein/testing';
import { createTestClient, http } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../src/run.js';

const SEED = 'cli-chain';
const MULTISIG = devAccount(SEED, 'multisig').address;
let anvil: Anvil;
let folder: string;
let wrongPlace: Server;

beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
  folder = mkdtempSync(join(tmpdir(), 'skein chain cli-'));
  wrongPlace = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><html><body>Welcome</body></html>'));
  await new Promise<void>((resolve) => wrongPlace.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await anvil.stop();
  await new Promise((resolve) => wrongPlace.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
};
const configFile = (name: string, fields: object = {}): string =>
  file(`${name}.json`, JSON.stringify({ chainId: anvil.chainId, multisig: MULTISIG, genesisSeconds: 1_800_000_000, ...fields }), 0o644);

/** Options of a deployment by an account that has gas. */
async function deployment(name: string, fields: object = {}): Promise<string[]> {
  await fundGas(anvil, [devAccount(SEED, name).address]);
  const key = file(`${name}.key`, `${devKey(SEED, name)}\n`);
  return ['--rpc', anvil.rpcUrl, '--key-file', key, '--config', configFile(name, fields), '--book', join(folder, `${name}.book.json`)];
}

async function ended(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const terminal = { write: (text: string) => void (out += text), warn: (text: string) => void (err += text), columns: undefined, wait: async () => undefined, nowMs: () => 0, uuid: () => '' };
  const exit = await run(args, terminal, { environment: {}, read: () => undefined });
  return { exit, out, err };
}

const onChain = (name: string, rpc = anvil.rpcUrl): string[] => ['--rpc', rpc, '--book', join(folder, `${name}.book.json`)];

describe('deploying', () => {
  test('a run that is killed again and again, then once more: one deployment, proven, with nothing left to the deployer', async () => {
    const options = await deployment('killed', { treasury: devAccount(SEED, 'treasury').address, genesisSupply: '580000000000000000000000000' });
    const book = join(folder, 'killed.book.json');
    const chain = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
    const sent = (): Promise<number> => chainReader(anvil).getTransactionCount({ address: devAccount(SEED, 'killed').address, blockTag: 'pending' });
    // Nothing is mined while a run lives: it dies with its transactions on their way, whatever the machine is doing.
    for (let life = 0; life < 3; life += 1) {
      const before = await sent();
      await chain.setAutomine(false);
      const child = spawnTs(new URL('./chain-child.ts', import.meta.url), options.filter((_, at) => at % 2 === 1));
      await eventually(async () => expect(await sent()).toBeGreaterThan(before));
      child.process.kill('SIGKILL');
      expect(await child.ended).toBe('SIGKILL');
      expect(existsSync(book)).toBe(false);
      await chain.setAutomine(true);
      await chain.mine({ blocks: 1 });
    }
    const done = await ended('chain', 'deploy', ...options);
    expect([done.exit, done.err]).toEqual([0, '']);
    expect(done.out).toMatch(/^([3-9]|[1-4]\d) of 52 steps were done before\n/);
    expect(done.out).toMatch(/\ntotal [\d ]+ gas, 0\.\d+ of the chain's currency, in \d+ transactions\n/);
    const { deployer, settings } = parseDeployment(readFileSync(book, 'utf8'));
    expect(settings).toMatchObject({ multisig: MULTISIG.toLowerCase(), operator: MULTISIG.toLowerCase(), unbondingSeconds: 864_000n });
    const addresses = parseAddressBook(readFileSync(book, 'utf8'));
    expect(await hasRole({ reader: chainReader(anvil) }, addresses.taskStaking, 'DEFAULT_ADMIN_ROLE', deployer)).toBe(false);

    const verified = await ended('chain', 'verify', ...onChain('killed'));
    expect([verified.exit, verified.err]).toEqual([0, '']);
    expect(verified.out).toMatch(/^\d{3} checks at block \d+: all as the file says; the deployer keeps nothing\n$/);
  });

  test('running it again sends nothing and writes the same file', async () => {
    const options = await deployment('again');
    const first = JSON.parse((await ended('chain', 'deploy', ...options, '--json')).out) as { steps: { gasUsed: string }[]; gasUsed: string; stepsBefore: number };
    expect(first.stepsBefore).toBe(0);
    expect(first.steps.reduce((sum, { gasUsed }) => sum + BigInt(gasUsed), 0n)).toBe(BigInt(first.gasUsed));
    const book = readFileSync(join(folder, 'again.book.json'), 'utf8');
    const second = await ended('chain', 'deploy', ...options, '--json');
    expect([second.exit, second.err]).toEqual([0, '']);
    expect(JSON.parse(second.out)).toMatchObject({ stepsBefore: first.steps.length, steps: [], gasUsed: '0', file: join(folder, 'again.book.json') });
    expect(readFileSync(join(folder, 'again.book.json'), 'utf8')).toBe(book);
    const people = await ended('chain', 'deploy', ...options);
    expect(people.out).toContain(`all ${first.steps.length} steps were done before`);
  });

  test('the key is never written anywhere', async () => {
    const options = await deployment('secret');
    const told = [await ended('chain', 'deploy', ...options), await ended('chain', 'deploy', ...options, '--json')];
    const written = told.map(({ out, err }) => out + err).join('') + readFileSync(join(folder, 'secret.book.json'), 'utf8');
    expect(written.toLowerCase()).not.toContain(devKey(SEED, 'secret').slice(2));
  });
});

describe('refusals, each by name', () => {
  const without = (options: string[], option: string): string[] => options.filter((_, at) => at !== options.indexOf(option) && at !== options.indexOf(option) + 1);
  const instead = (options: string[], option: string, value: string): string[] => [...without(options, option), option, value];

  test('a key that others may read, a file that holds none, and a missing one', async () => {
    const options = await deployment('keys');
    const [open, none] = [file('open.key', devKey(SEED, 'keys'), 0o640), file('none.key', '0x1234 my secret')];
    expect(await ended('chain', 'deploy', ...instead(options, '--key-file', open))).toMatchObject({ exit: 1, err: expect.stringContaining('others may read') });
    const bad = await ended('chain', 'deploy', ...instead(options, '--key-file', none));
    expect(bad).toMatchObject({ exit: 1, err: expect.stringContaining('holds no private key') });
    expect(bad.err).not.toContain('my secret');
    expect(await ended('chain', 'deploy', ...without(options, '--key-file'))).toMatchObject({ exit: 2, err: expect.stringContaining('--key-file is missing') });
    expect(await ended('chain', 'deploy', ...options, '--key', devKey(SEED, 'keys'))).toMatchObject({ exit: 2, err: expect.stringContaining('--key') });
  });

  test('another chain, HTML, nobody there, an empty account', async () => {
    const options = await deployment('places');
    const base = configFile('base', { chainId: 8453 });
    expect(await ended('chain', 'deploy', ...instead(options, '--config', base))).toMatchObject({ exit: 1, err: expect.stringContaining('the endpoint is for chain 31337, not for chain 8453') });
    const html = `http://127.0.0.1:${(wrongPlace.address() as AddressInfo).port}`;
    expect(await ended('chain', 'deploy', ...instead(options, '--rpc', html))).toMatchObject({ exit: 3, err: 'skein: the address answers with HTML (HTTP 200), not as a JSON-RPC endpoint does\n' });
    expect(await ended('chain', 'deploy', ...instead(options, '--rpc', 'http://127.0.0.1:1'))).toMatchObject({ exit: 3, err: expect.stringContaining('cannot be reached') });
    const poor = file('poor.key', devKey(SEED, 'poor'));
    const refused = await ended('chain', 'deploy', ...instead(options, '--key-file', poor), '--json');
    expect(refused.exit).toBe(1);
    expect(JSON.parse(refused.err)).toMatchObject({ error: { rule: 'insufficient-funds', message: expect.stringContaining('has 0 wei') } });
  });

  test('settings that are wrong, by their field; a file of another deployment', async () => {
    const options = await deployment('settings');
    for (const [fields, message] of [
      [{ multisig: undefined }, 'multisig is missing'], [{ chainId: '1' }, 'chainId is not a chain id'], [{ feeBps: -1 }, 'feeBps is not'], [{ owner: 'x' }, 'owner is unknown'],
      [{ operator: devAccount(SEED, 'settings').address }, 'operator is the deployer'],
    ] as const) {
      expect(await ended('chain', 'deploy', ...instead(options, '--config', configFile('wrong', fields)))).toMatchObject({ exit: 2, err: expect.stringContaining(message) });
    }
    expect(await ended('chain', 'deploy', ...instead(options, '--config', configFile('share', { reporterBps: 2500 })))).toMatchObject({ exit: 1, err: expect.stringContaining('ReporterShareTooHigh(2500, 3)') });
    const other = await deployment('other');
    await ended('chain', 'deploy', ...other);
    const book = join(folder, 'other.book.json');
    const before = readFileSync(book, 'utf8');
    expect(await ended('chain', 'deploy', ...instead(options, '--book', book))).toMatchObject({ exit: 1, err: expect.stringContaining('is of another deployment') });
    expect(readFileSync(book, 'utf8')).toBe(before);
  });
});

test('status and verify tell what is there, and what is not as the file says', async () => {
  await ended('chain', 'deploy', ...(await deployment('looked-at')));
  const status = await ended('chain', 'status', ...onChain('looked-at'));
  expect(status).toMatchObject({ exit: 0, err: '' });
  expect(status.out).toMatch(/^chain 31337, block \d+, epoch 0\n/);
  expect(status.out).toMatch(/taskStaking +0x[0-9a-f]{40} +this build's/);
  expect(JSON.parse((await ended('chain', 'status', ...onChain('looked-at'), '--json')).out)).toMatchObject({ chainId: 31_337, totals: { staked: '0', stakingPaused: false } });

  const path = join(folder, 'looked-at.book.json');
  const held = JSON.parse(readFileSync(path, 'utf8')) as { settings: object };
  writeFileSync(path, JSON.stringify({ ...held, settings: { ...held.settings, feeBps: 7, appealSeconds: 60 } }));
  const verified = await ended('chain', 'verify', ...onChain('looked-at'));
  expect(verified).toMatchObject({ exit: 1, err: expect.stringContaining('is not what') });
  expect(verified.out).toContain('appealSeconds is 0x93a80');
  expect(verified.out).toContain('gmExchange: feeBps is 513, the file says 7');
  expect((await ended('chain', 'status', ...onChain('looked-at'))).exit).toBe(1);
  expect(await ended('chain', 'verify', ...onChain('absent'))).toMatchObject({ exit: 2, err: expect.stringContaining('cannot be read') });
});

test('the help says what a key and a configuration are, and nothing of tokens', async () => {
  const { out, exit } = await ended('chain', 'deploy', '--help');
  expect(exit).toBe(0);
  for (const word of ['--rpc', '--key-file', '--config', '--book', '--json', 'multisig', 'genesisSeconds', 'Exit codes']) expect(out).toContain(word);
  expect(out).not.toContain('--token-file');
});
