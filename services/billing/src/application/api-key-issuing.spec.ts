import { sha256Hex, utf8 } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { issueKey } from './api-key-issuing.js';

describe('issuing', () => {
  const secret = utf8('a secret of the deployment');

  test('a retried request gets the same key, any other request another one', () => {
    const key = issueKey(secret, 'c', 'r');
    expect(issueKey(secret, 'c', 'r')).toEqual(key);
    const others = [issueKey(secret, 'c', 's'), issueKey(secret, 'd', 'r'), issueKey(utf8('another'), 'c', 'r'), issueKey(secret, 'cr', '')];
    expect(new Set([key, ...others].map((each) => each.key)).size).toBe(5);
    expect(new Set([key, ...others].map((each) => each.prefix)).size).toBe(5);
  });

  test('the key has a prefix and 256 secret bits, whose hash is all that is stored', () => {
    const { key, prefix, secretSha256 } = issueKey(secret, 'c', 'r');
    const [kind, shown, hidden] = key.split('_');
    expect([kind, shown]).toEqual(['sk', prefix]);
    expect(hidden).toMatch(/^[0-9a-f]{64}$/);
    expect(secretSha256).toBe(sha256Hex(hidden!));
  });
});
