import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { resultBits, sealOf } from './seal.js';

const seal = { assignment: 'assignments/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', scoreNano: 750_000_000n, salt: 'ef'.repeat(32) };

test('the pre-image is the tag, the assignment, the score and the salt', () => {
  const score = Buffer.alloc(8);
  score.writeBigInt64BE(750_000_000n);
  const preimage = Buffer.concat([Buffer.from('skein/score/v1\0'), Buffer.from('0197a1b2c3d47e5f8a9b0c1d2e3f4a5b', 'hex'), score, Buffer.from('ef'.repeat(32), 'hex')]);
  expect(sealOf(seal)).toBe(createHash('sha256').update(preimage).digest('hex'));
});

test.each([
  ['assignment', 'assignments/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c'],
  ['scoreNano', 750_000_001n],
  ['scoreNano', -750_000_000n],
  ['salt', 'ee'.repeat(32)],
])('another %s makes another seal', (field, value) => {
  expect(sealOf({ ...seal, [field]: value })).not.toBe(sealOf(seal));
});

test('result bits are those of the double', () => {
  expect([resultBits(1), resultBits(0.75), resultBits(-0)]).toEqual(['3ff0000000000000', '3fe8000000000000', '8000000000000000']);
});
