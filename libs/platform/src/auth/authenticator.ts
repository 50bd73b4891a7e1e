import type { Clock } from '@skein/kernel';
import type { Address } from '../admission/tenant.js';
import type { ApiKeyDirectory, ApiKeyRecord } from '../api-keys.js';
import type { Identity } from '../identity.js';
import { equalSecret, sha256Text, unauthenticated } from './credentials.js';
import { LruCache } from './lru.js';
import { verifyServiceToken } from './service-token.js';
import { WalletSessions, type SessionTerms } from './wallet-session.js';

/** Which port a call came in on: service tokens count on the internal one only, everything else on the public one only. */
export type Surface = 'public' | 'internal';

/** What an authenticator checks against. */
export interface AuthenticatorOptions extends SessionTerms {
  readonly service: string;
  readonly clock: Clock;
  readonly serviceTokenSecret: string;
  readonly operatorTokenSha256?: string | undefined;
  readonly apiKeys?: ApiKeyDirectory | undefined;
  /** Runs the check of a credential that is not known yet, in its turn; default: at once. */
  readonly checks?: <T>(address: Address, signal: AbortSignal | undefined, check: () => Promise<T>) => Promise<T>;
}

/** Who shows a credential: where from, and until when it matters. */
export interface Bearer {
  readonly address: Address;
  readonly signal?: AbortSignal;
}

/** How long a found API key counts without asking again: a revoked one ends so much later, and no call waits for the database twice. */
const API_KEY_FRESH_MS = 1_000;
const API_KEYS_MAX = 2_048;
const NOBODY: Bearer = { address: undefined };

const API_KEY = /^sk_([A-Za-z0-9]{4,32})_([A-Za-z0-9_-]{16,128})$/;

/** Turns an `authorization` value into an identity, or refuses with code `unauthenticated` and the rule that failed. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #sessions: WalletSessions;
  readonly #checks: NonNullable<AuthenticatorOptions['checks']>;
  readonly #apiKeys = new LruCache<{ readonly record: ApiKeyRecord; readonly untilMs: number }>(API_KEYS_MAX);
  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#sessions = new WalletSessions(options, options.clock);
    this.#checks = options.checks ?? ((_address, _signal, check) => check());
  }

  /** `authorization` absent or empty: nobody in particular. */
  async authenticate(authorization: string | undefined, surface: Surface, bearer: Bearer = NOBODY): Promise<Identity> {
    if (authorization === undefined || authorization === '') return { kind: 'anonymous' };
    const token = /^Bearer (\S+)$/i.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated('bearer-scheme', 'authorization must be "Bearer <token>"');
    if (surface === 'internal') {
      if (!token.startsWith('svc.')) throw unauthenticated('service-token', 'internal calls carry a service token');
      return verifyServiceToken(this.#options.serviceTokenSecret, this.#options.service, token, this.#options.clock);
    }
    if (token.startsWith('siwe.')) return this.#sessions.known(token) ?? this.#checks(bearer.address, bearer.signal, () => this.#sessions.verify(token));
    if (token.startsWith('sk_')) return this.#apiKey(token, bearer);
    if (token.startsWith('op_')) return this.#operator(token);
    throw unauthenticated('token-kind', 'the token is neither a wallet session, an API key nor an operator token');
  }

  async #apiKey(token: string, bearer: Bearer): Promise<Identity> {
    const [, prefix = '', secret = ''] = API_KEY.exec(token) ?? [];
    const record = prefix === '' ? undefined : await this.#record(prefix, bearer);
    // An unknown prefix costs the same comparison and gets the same words as a wrong secret.
    const matches = equalSecret(sha256Text(secret), record?.secretSha256 ?? '');
    if (record === undefined || !matches || record.revoked === true) throw unauthenticated('api-key', 'the API key is not valid');
    if (record.expiresAtMs !== undefined && this.#options.clock.nowMs() >= record.expiresAtMs) throw unauthenticated('api-key-expired', 'the API key has expired');
    return { kind: 'organisation', organisation: record.organisation, scopes: record.scopes, keyPrefix: record.prefix };
  }

  /** Unknown prefixes are not remembered: guesses must not push out what is in use. */
  async #record(prefix: string, { address, signal }: Bearer): Promise<ApiKeyRecord | undefined> {
    const nowMs = this.#options.clock.nowMs();
    const known = this.#apiKeys.get(prefix);
    // A clock that was set back must not keep a key for long.
    if (known !== undefined && nowMs < known.untilMs && known.untilMs - nowMs <= API_KEY_FRESH_MS) return known.record;
    const record = await this.#checks(address, signal, async () => this.#options.apiKeys?.find(prefix));
    if (record !== undefined) this.#apiKeys.set(prefix, { record, untilMs: nowMs + API_KEY_FRESH_MS });
    return record;
  }

  #operator(token: string): Identity {
    const expected = this.#options.operatorTokenSha256;
    if (expected === undefined || !equalSecret(sha256Text(token), expected.toLowerCase())) throw unauthenticated('operator-token', 'the operator token is not valid');
    return { kind: 'operator' };
  }
}
