import { formatWallet, type Clock } from '@skein/kernel';
import type { Identity } from '../identity.js';
import { unauthenticated } from './credentials.js';
import { LruCache } from './lru.js';

/** Longest life of a session. */
export const SESSION_MS_MAX = 24 * 3600 * 1000;
/** How far a client's clock may run ahead of ours. */
const SKEW_MS = 60_000;
const SCOPE_PREFIX = 'urn:skein:scope:';

/** What a session must name to be accepted here. */
export interface SessionTerms {
  readonly domain: string;
  readonly chainId: number;
}

/** The fields of an EIP-4361 message that matter here. Times are epoch milliseconds. */
export interface SignInMessage {
  readonly domain: string;
  readonly address: string;
  readonly chainId: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly notBeforeMs: number | undefined;
  readonly scopes: readonly string[];
}

const TIME = String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})`;
/** The whole message, anchored: what the wallet showed is what is read here. */
const MESSAGE = new RegExp(
  String.raw`^(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?(?<domain>[^\s/?#]+) wants you to sign in with your Ethereum account:\n` +
    String.raw`(?<address>0x[0-9a-fA-F]{40})\n\n(?:[^\n]+\n)?\nURI: \S+\nVersion: 1\nChain ID: (?<chainId>\d{1,15})\nNonce: [a-zA-Z0-9]{8,}\n` +
    String.raw`Issued At: (?<issuedAt>${TIME})\nExpiration Time: (?<expiresAt>${TIME})(?:\nNot Before: (?<notBefore>${TIME}))?` +
    String.raw`(?:\nRequest ID: [^\n]*)?(?:\nResources:(?<resources>(?:\n- \S+)*))?$`,
);

/** Reads an EIP-4361 message; undefined where it is not one, or has no expiry. */
export function parseSignIn(text: string): SignInMessage | undefined {
  const groups = MESSAGE.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const resources = (groups['resources'] ?? '').split('\n- ').slice(1);
  return {
    domain: groups['domain'] ?? '',
    address: (groups['address'] ?? '').toLowerCase(),
    chainId: Number(groups['chainId']),
    issuedAtMs: Date.parse(groups['issuedAt'] ?? ''),
    expiresAtMs: Date.parse(groups['expiresAt'] ?? ''),
    notBeforeMs: groups['notBefore'] === undefined ? undefined : Date.parse(groups['notBefore']),
    scopes: resources.filter((resource) => resource.startsWith(SCOPE_PREFIX)).map((resource) => resource.slice(SCOPE_PREFIX.length)),
  };
}

function checkTerms(message: SignInMessage, terms: SessionTerms, nowMs: number): void {
  const { issuedAtMs, expiresAtMs, notBeforeMs } = message;
  if (message.domain !== terms.domain) throw unauthenticated('session-domain', `the session is for another domain than ${terms.domain}`);
  if (message.chainId !== terms.chainId) throw unauthenticated('session-chain', `the session is for another chain than ${terms.chainId}`);
  if (Number.isNaN(issuedAtMs) || Number.isNaN(expiresAtMs) || Number.isNaN(notBeforeMs ?? 0)) throw unauthenticated('session-format', 'the session names no valid times');
  if (expiresAtMs - issuedAtMs > SESSION_MS_MAX) throw unauthenticated('session-lifetime', 'a session lives for at most 24 hours');
  if (nowMs >= expiresAtMs) throw unauthenticated('session-expired', 'the session has expired');
  if (nowMs + SKEW_MS < Math.max(issuedAtMs, notBeforeMs ?? 0)) throw unauthenticated('session-not-yet-valid', 'the session is not valid yet');
}

async function recover(message: string, signature: `0x${string}`): Promise<string | undefined> {
  // Loaded at the first sign-in: most processes start without needing elliptic curves.
  const { recoverMessageAddress } = await import('viem/utils');
  try {
    return (await recoverMessageAddress({ message, signature })).toLowerCase();
  } catch {
    return undefined;
  }
}

/** Verifies `siwe.<base64url(message)>.<signature hex>` locally; verified tokens are remembered until they expire. */
export class WalletSessions {
  readonly #terms: SessionTerms;
  readonly #clock: Clock;
  readonly #verified = new LruCache<{ readonly message: SignInMessage; readonly identity: Identity }>(2048);
  constructor(terms: SessionTerms, clock: Clock) {
    this.#terms = terms;
    this.#clock = clock;
  }

  /** The wallet behind a token that was verified before and still holds; undefined for one that was not. */
  known(token: string): Identity | undefined {
    const found = this.#verified.get(token);
    if (found !== undefined) checkTerms(found.message, this.#terms, this.#clock.nowMs());
    return found?.identity;
  }

  /** The wallet behind the token; rules `session-format`, `-domain`, `-chain`, `-lifetime`, `-expired`, `-not-yet-valid`, `-signature`. */
  async verify(token: string): Promise<Identity> {
    // Several calls with a new session wait for one check.
    const before = this.known(token);
    if (before !== undefined) return before;
    const [, encoded = '', signature = '', ...rest] = token.split('.');
    const text = Buffer.from(encoded, 'base64url').toString('utf8');
    const message = parseSignIn(text);
    if (message === undefined || rest.length > 0 || !/^(0x)?[0-9a-fA-F]{130}$/.test(signature)) throw unauthenticated('session-format', 'the session is not a signed EIP-4361 message with an expiry');
    checkTerms(message, this.#terms, this.#clock.nowMs());
    const signer = await recover(text, signature.startsWith('0x') ? (signature as `0x${string}`) : `0x${signature}`);
    if (signer !== message.address) throw unauthenticated('session-signature', 'the signature is not that of the account');
    const identity: Identity = { kind: 'wallet', wallet: formatWallet({ chainId: message.chainId, address: message.address }), scopes: message.scopes };
    this.#verified.set(token, { message, identity });
    return identity;
  }
}
