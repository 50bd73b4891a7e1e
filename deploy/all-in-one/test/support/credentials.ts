import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { devAccount } from '@skein/contracts-evm';
import { issueServiceToken } from '@skein/platform';
import { signSession } from '@skein/sdk';
import type { Secrets } from '../../src/secrets.js';
import type { TestSkein } from './skein.js';

const MINUTE_MS = 60_000;

/** A session of a named wallet with exactly these scopes. */
export function sessionOf({ devnet }: TestSkein, name: string, scopes: readonly string[]): Promise<string> {
  const now = Date.now();
  return signSession({ account: devAccount(devnet.seed, name), chainId: devnet.chainId, domain: devnet.siweDomain, scopes, nonce: 'a1b2c3d4e5f60718', issuedAtMs: now - MINUTE_MS, expiresAtMs: now + 60 * MINUTE_MS });
}

/** A token of a service for another one, made with the secret of the data folder. */
export function serviceToken({ folder }: TestSkein, caller: string, audience: string): string {
  const { serviceTokenSecret } = JSON.parse(readFileSync(join(folder, 'secrets.json'), 'utf8')) as Secrets;
  return issueServiceToken(serviceTokenSecret, caller, audience, Date.now());
}
