import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { arenaCaseId, federationCaseId } from './case-id.js';

const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
const address = 'aB'.repeat(20);
const wallet = `eip155:31337:0x${address}`;
const evidenceSha256 = 'cd'.repeat(32);
const hashOf = (hex: string): string => `0x${createHash('sha256').update('skein/case/v1\0').update(Buffer.from(hex, 'hex')).digest('hex')}`;
const task = taskId.replaceAll('-', '');

test('a case id is the hash of what the case is about', () => {
  expect(arenaCaseId({ taskId, role: 'node', wallet, evidenceSha256 })).toBe(hashOf(`${task}00${address}${evidenceSha256}`));
  expect(arenaCaseId({ taskId, role: 'validator', wallet, evidenceSha256 })).toBe(hashOf(`${task}01${address}${evidenceSha256}`));
  expect(federationCaseId(taskId, 258, wallet)).toBe(hashOf(`${task}00000102${address}`));
});

test('the letter case of an address makes no other case', () => {
  expect(federationCaseId(taskId, 1, wallet.toLowerCase())).toBe(federationCaseId(taskId, 1, wallet));
});
