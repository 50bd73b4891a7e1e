export interface CreateCustomer {
  readonly type: 'create-customer';
  readonly customerId: string;
  /** CAIP-10. */
  readonly owner: string;
  readonly nowMs: number;
}

export interface CreateApiKey {
  readonly type: 'create-api-key';
  /** The wallet that asks; only the owner may. */
  readonly caller: string;
  readonly keyId: string;
  readonly prefix: string;
  readonly secretSha256: string;
  readonly scopes: readonly string[];
  readonly spendCap: bigint | null;
  readonly nowMs: number;
}

export interface RevokeApiKey {
  readonly type: 'revoke-api-key';
  readonly caller: string;
  readonly keyId: string;
  readonly nowMs: number;
}

export type CustomerCommand = CreateCustomer | CreateApiKey | RevokeApiKey;
