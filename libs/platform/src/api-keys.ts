/** What a service keeps locally of an API key: never the secret, only its SHA-256. */
export interface ApiKeyRecord {
  readonly prefix: string;
  /** SHA-256 of the secret part, lower-case hex. */
  readonly secretSha256: string;
  readonly organisation: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds; absent when it does not expire. */
  readonly expiresAtMs?: number;
  readonly revoked?: boolean;
}

/** Port: the service's own copy of the API keys (filled from billing's events). Provide it under `API_KEYS`. */
export interface ApiKeyDirectory {
  find(prefix: string): Promise<ApiKeyRecord | undefined>;
}
