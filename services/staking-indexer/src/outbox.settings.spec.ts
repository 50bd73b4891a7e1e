import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkSigner, outboxSettings } from './outbox.settings.js';

const settings = z.object(outboxSettings).superRefine(checkSigner);
const ADDRESS = `0x${'5'.repeat(40)}`;
const wrong = (env: Record<string, string>): string[] => settings.safeParse(env).error?.issues.map(({ path }) => path.join('.')) ?? [];

test('no signer, a key file, or a remote signer with its account', () => {
  expect(settings.parse({})).toEqual({ CHAIN_FEE_CAP_GWEI: 500, CHAIN_STUCK_SECONDS: 60 });
  expect(wrong({ CHAIN_SIGNER_KEY_FILE: 'key' })).toEqual([]);
  expect(wrong({ CHAIN_SIGNER_URL: 'https://signer:9000', CHAIN_SIGNER_ADDRESS: ADDRESS })).toEqual([]);
});

test('two signers, half of one, and a URL with a password are refused by name', () => {
  expect(wrong({ CHAIN_SIGNER_KEY_FILE: 'key', CHAIN_SIGNER_URL: 'https://signer', CHAIN_SIGNER_ADDRESS: ADDRESS })).toEqual(['CHAIN_SIGNER_URL']);
  expect(wrong({ CHAIN_SIGNER_URL: 'https://signer' })).toEqual(['CHAIN_SIGNER_ADDRESS']);
  expect(wrong({ CHAIN_SIGNER_ADDRESS: ADDRESS })).toEqual(['CHAIN_SIGNER_ADDRESS']);
  expect(wrong({ CHAIN_SIGNER_URL: 'https://me:secret@signer', CHAIN_SIGNER_ADDRESS: ADDRESS })).toContain('CHAIN_SIGNER_URL');
  expect(wrong({ CHAIN_FEE_CAP_GWEI: '0' })).toEqual(['CHAIN_FEE_CAP_GWEI']);
});
