import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { commitmentOf, type Commitment } from './commitment.js';

const commitment: Commitment = {
  task: 'tasks/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  epoch: 2,
  owner: 'eip155:31337:0x00112233445566778899AABBCCDDEEFF00112233',
  artifactSha256: 'ab'.repeat(32),
  salt: 'cd'.repeat(32),
};

test('the pre-image is the tag, then fixed-size fields in order', () => {
  const preimage = Buffer.concat([
    Buffer.from('skein/commit/v1\0'),
    Buffer.from('0197a1b2c3d47e5f8a9b0c1d2e3f4a5b', 'hex'),
    Buffer.from('00000002', 'hex'),
    Buffer.from('00112233445566778899aabbccddeeff00112233', 'hex'),
    Buffer.from('ab'.repeat(32), 'hex'),
    Buffer.from('cd'.repeat(32), 'hex'),
  ]);
  expect(commitmentOf(commitment)).toBe(createHash('sha256').update(preimage).digest('hex'));
});

test.each([
  ['task', 'tasks/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c'],
  ['epoch', 3],
  ['owner', 'eip155:31337:0x00112233445566778899aabbccddeeff00112234'],
  ['artifactSha256', 'aa'.repeat(32)],
  ['salt', 'cc'.repeat(32)],
])('another %s makes another commit', (field, value) => {
  expect(commitmentOf({ ...commitment, [field]: value })).not.toBe(commitmentOf(commitment));
});
