import { createHmac } from 'node:crypto';
import { concatBytes, lengthPrefixed, sha256Hex, utf8 } from '@skein/kernel';

/** An API key as its owner sees it once: `sk_<prefix>_<secret>`. */
export interface IssuedKey {
  readonly prefix: string;
  /** The whole text. */
  readonly key: string;
  readonly secretSha256: string;
}

const PREFIX_DIGITS = 16;

/**
 * The key that a request makes: prefix and 256-bit secret are HMACs of the request under the deployment's issuing secret.
 * A retry of the request therefore gets the same key, although nothing but the secret's hash is ever stored; nobody else
 * can compute it.
 */
export function issueKey(issuingSecret: Uint8Array, customerId: string, requestId: string): IssuedKey {
  const derive = (purpose: string) => {
    const message = concatBytes(utf8('skein/api-key/v1\0'), ...[purpose, customerId, requestId].map(lengthPrefixed));
    return createHmac('sha256', issuingSecret).update(message).digest();
  };
  const prefix = derive('prefix').toString('hex').slice(0, PREFIX_DIGITS);
  const secret = derive('secret').toString('hex');
  return { prefix, key: `sk_${prefix}_${secret}`, secretSha256: sha256Hex(secret) };
}
