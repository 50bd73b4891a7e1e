import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainReader, devAccount, parseAddressBook } from '@skein/contracts-evm';
import { freePort } from '@skein/embedded';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEPLOYER, startChain } from '../src/chain.js';

const SEED = 'chain-spec';
let data: string;
let port: number;
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'skein chain-'));
  port = await freePort();
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

const file = (): string => join(data, 'address-book.json');

/** Starts the chain, stops it again; its book and how many transactions the deployer has sent. */
async function onceUp() {
  const { anvil, book } = await startChain(data, port, SEED);
  const sent = await chainReader(anvil).getTransactionCount({ address: devAccount(SEED, DEPLOYER).address });
  await anvil.stop();
  return { book, sent };
}

test('contracts are deployed once; a kill before their addresses were written finds the same ones', async () => {
  const first = await onceUp();
  expect(parseAddressBook(readFileSync(file(), 'utf8'))).toEqual(first.book);
  expect(await onceUp()).toEqual(first);
  rmSync(file());
  expect(await onceUp()).toEqual(first);
});

test('a folder of an older version is refused with what to do', async () => {
  const { slashedRewards: _, ...older } = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>;
  writeFileSync(file(), JSON.stringify(older));
  await expect(startChain(data, port, SEED)).rejects.toThrow(/slashedRewards is not an address.*start with an empty --data instead of/);
});
