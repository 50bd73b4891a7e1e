import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sealOf } from './seal.js';

const node = `eip155:31337:0x${'ab'.repeat(20)}`;
const seal = { task: 'federatedTasks/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', round: 3, node, score: 1 as const, sha256: 'cd'.repeat(32), salt: 'ef'.repeat(32) };

test('the pre-image is the tag, the task, the round, the address, the score, the aggregate and the salt', () => {
  const parts = ['0197a1b2c3d47e5f8a9b0c1d2e3f4a5b', '00000003', 'ab'.repeat(20), '01', 'cd'.repeat(32), 'ef'.repeat(32)];
  const preimage = Buffer.concat([Buffer.from('skein/vote/v1\0'), ...parts.map((hex) => Buffer.from(hex, 'hex'))]);
  expect(sealOf(seal)).toBe(createHash('sha256').update(preimage).digest('hex'));
});

test.each<[string, object]>([
  ['score', { score: -1 }],
  ['round', { round: 4 }],
  ['node', { node: node.replace('ab', 'ac') }],
  ['aggregate', { sha256: 'ce'.repeat(32) }],
  ['salt', { salt: 'ee'.repeat(32) }],
  ['task', { task: seal.task.replace('5b', '5c') }],
])('another %s makes another seal', (_, change) => {
  expect(sealOf({ ...seal, ...change })).not.toBe(sealOf(seal));
});
