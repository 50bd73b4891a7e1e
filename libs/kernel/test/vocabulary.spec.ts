import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  InvariantError,
  RejectionError,
  SystemIds,
  assert,
  bytesToHex,
  bytesToUuid,
  canonicalWallet,
  concatBytes,
  formatWallet,
  hexToBytes,
  int64be,
  isUuid,
  lengthPrefixed,
  parseWallet,
  sha256Hex,
  tryParseWallet,
  uint32be,
  utf8,
  uuidToBytes,
  uuidV7From,
  uuidV8From,
  walletBytes,
} from '../src/index.js';

test('hashes and byte forms', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(bytesToHex(concatBytes(uint32be(258), int64be(-2n), hexToBytes('0xAB')))).toBe('00000102fffffffffffffffeab');
  expect(bytesToHex(lengthPrefixed('hé'))).toBe('0000000368c3a9');
  expect(() => uint32be(2 ** 32)).toThrow(InvariantError);
  expect(() => int64be(2n ** 63n)).toThrow(InvariantError);
  expect(() => hexToBytes('abc')).toThrow('even number');
});

test('bytes survive hex and back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes);
    }),
  );
});

test('version 7 ids sort by time, version 8 ids follow from their parts', () => {
  const early = uuidV7From(1_000, new Uint8Array(10));
  const late = uuidV7From(2_000, new Uint8Array(10));
  expect(early < late).toBe(true);
  expect(early).toBe('00000000-03e8-7000-8000-000000000000');
  expect(new SystemIds().uuidV7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  const id = uuidV8From('command', 1);
  expect(id[14]).toBe('8');
  expect(isUuid(id)).toBe(true);
  expect(uuidV8From('command', 1)).toBe(id);
  expect(uuidV8From('comman', 'd1')).not.toBe(id);
  expect(uuidV8From(utf8('command'), 1n)).toBe(id);
  expect(bytesToUuid(uuidToBytes(id))).toBe(id);
  expect(() => uuidToBytes(id.toUpperCase())).toThrow('lower-case');
});

test('wallets are CAIP-10 with one canonical text', () => {
  const text = 'eip155:31337:0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
  expect(parseWallet(text)).toEqual({ chainId: 31337, address: '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266' });
  expect(formatWallet(parseWallet(text))).toBe(text.toLowerCase());
  expect(canonicalWallet(text)).toBe(text.toLowerCase());
  expect(walletBytes(text)).toHaveLength(20);
  for (const bad of ['', '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266', `${text}0`, 'eip155:0:0x', `cosmos:1:${text.slice(-42)}`])
    expect(tryParseWallet(bad)).toBeUndefined();
  expect(() => parseWallet('me', 'owner')).toThrow(RejectionError);
  expect(() => parseWallet('me', 'owner')).toThrow('owner must be');
});

test('assert names what should have held', () => {
  expect(() => assert(false, 'one is one')).toThrow('invariant broken: one is one');
  assert(true, 'fine');
});
