import { privateKeyToAddress } from 'viem/accounts';
import { expect, test } from 'vitest';
import { CONTRACT_NAMES, devKey, formatAddressBook, formatDeployment, parseAddressBook, parseDeployment, readSettings, settingsFor, writeSettings, type AddressBook, type Deployment } from '../src/index.js';

const address = (label: string) => privateKeyToAddress(devKey('book', label)).toLowerCase() as `0x${string}`;
const book = { chainId: 31_337, ...Object.fromEntries(CONTRACT_NAMES.map((name) => [name, address(name)])), fromBlock: 7n } as unknown as AddressBook;
const deployment: Deployment = { book, deployer: address('deployer'), settings: settingsFor(address('deployer'), 1_800_000_000n, { multisig: address('multisig'), treasury: address('treasury'), genesisSupply: 5n }) };

test('an address book and a deployment are read as they were written', () => {
  expect(parseAddressBook(formatAddressBook(book))).toEqual(book);
  expect(parseDeployment(formatDeployment(deployment))).toEqual(deployment);
  expect(parseAddressBook(formatDeployment(deployment))).toEqual(book);
  expect(readSettings('settings', writeSettings(deployment.settings))).toEqual(deployment.settings);
});

const written = (change: Record<string, unknown>): string => JSON.stringify({ ...(JSON.parse(formatAddressBook(book)) as object), ...change });
const wrongCase = `0x${book.flock.slice(2, -1)}${book.flock.endsWith('F') ? 'e' : 'F'}`;

test.each([
  ['flock is not an address', { flock: 'x' }],
  ['poolManager is not an address', { poolManager: undefined }],
  ['rewards is not an address', { rewards: 7 }],
  ['emission is the zero address', { emission: `0x${'0'.repeat(40)}` }],
  ['flock is not an address: its checksum is wrong', { flock: wrongCase }],
  ['gmFlock is the address of another contract, too', { gmFlock: book.flock }],
  ['chainId is not a chain id', { chainId: '31337' }],
  ['chainId is not a chain id', { chainId: 0 }],
  ['fromBlock is not a block number', { fromBlock: '-1' }],
  ['has a field that is none of chainId, ', { treasury: book.flock }],
])('an address book is refused by its field: %s', (message, change) => {
  expect(() => parseAddressBook(written(change))).toThrow(`address book: ${message}`);
});

test.each(['', 'null', '[]', '"x"', '<html>', '{"chainId":1'])('what is no address book at all is refused: %s', (text) => {
  expect(() => parseAddressBook(text)).toThrow(/^address book: not (JSON|an object)$/);
});

test.each([
  ['epochSeconds is not a whole number', { epochSeconds: 1.5 }],
  ['genesisSeconds is not a whole number', { genesisSeconds: '2027-01-01' }],
  ['minimumLock is not an amount', { minimumLock: 1e18 }],
  ['feeBps is not a whole number from 0 to 10000', { feeBps: 10_001 }],
  ['flockSymbol is not a word', { flockSymbol: 'a name with spaces' }],
  ['multisig is the zero address', { multisig: `0x${'0'.repeat(40)}` }],
  ['owner is unknown', { owner: book.flock }],
])('a setting is refused by its field: %s', (message, raw) => {
  expect(() => readSettings('config', raw)).toThrow(`config: ${message}`);
});

test('with a multisig the deployer is nobody, and only the emission mints', () => {
  const [deployer, multisig] = [address('deployer'), address('multisig')];
  expect(settingsFor(deployer, 0n, { multisig })).toMatchObject({ operator: multisig, pauser: multisig, treasury: multisig, reporterBps: 1_000 });
  expect(settingsFor(deployer, 0n, {})).toMatchObject({ operator: deployer, minter: deployer, treasury: deployer });
  expect(() => settingsFor(deployer, 0n, { multisig, operator: deployer })).toThrow('operator is the deployer');
  expect(() => settingsFor(deployer, 0n, { multisig: deployer })).toThrow('multisig is the deployer');
  expect(() => settingsFor(deployer, 0n, { multisig, minter: address('x') })).toThrow('only the emission mints');
});
