import { expect, test } from 'vitest';
import { pageToken, readPageToken } from './page-token.js';

const key = { wallet: 'eip155:1:0xaa', role: 'node', taskId: 't' };

test('a page token survives the way there and back', () => {
  expect(readPageToken(pageToken(key))).toEqual(key);
});

test.each(['', 'rubbish', Buffer.from('["a","b"]').toString('base64url'), Buffer.from('[1,2,3]').toString('base64url')])(
  'anything else is refused: %s',
  (token) => {
    expect(() => readPageToken(token)).toThrow('page token');
  },
);
