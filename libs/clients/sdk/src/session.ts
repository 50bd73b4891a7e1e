import { createSiweMessage } from 'viem/siwe';
import type { LocalAccount } from 'viem/accounts';

/** What a wallet session says: it is a signed EIP-4361 message, valid at most 24 hours, verified by each service alone. */
export interface SessionOptions {
  readonly account: LocalAccount;
  readonly chainId: number;
  /** Domain that the services were configured with, for example `skein.localhost`. */
  readonly domain: string;
  /** For example `arena.submit`; the message carries them as `urn:skein:scope:<scope>`. */
  readonly scopes: readonly string[];
  readonly nonce: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Signs a session and returns the bearer token `siwe.<base64url(message)>.<signature>`. */
export async function signSession(options: SessionOptions): Promise<string> {
  const message = createSiweMessage({
    address: options.account.address,
    chainId: options.chainId,
    domain: options.domain,
    nonce: options.nonce,
    uri: `https://${options.domain}`,
    version: '1',
    statement: 'Sign in to Skein.',
    issuedAt: new Date(options.issuedAtMs),
    expirationTime: new Date(options.expiresAtMs),
    resources: options.scopes.map((scope) => `urn:skein:scope:${scope}`),
  });
  return `siwe.${Buffer.from(message).toString('base64url')}.${await options.account.signMessage({ message })}`;
}
