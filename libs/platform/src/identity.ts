/** Who calls. Wallets are CAIP-10 in canonical form (lower-case address); scopes are what the credential itself carries. */
export type Identity =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'wallet'; readonly wallet: string; readonly scopes: readonly string[] }
  | { readonly kind: 'organisation'; readonly organisation: string; readonly scopes: readonly string[]; readonly keyPrefix?: string }
  | { readonly kind: 'operator' }
  | { readonly kind: 'service'; readonly service: string };

/** The identity as one short string: `wallet:eip155:…`, `organisation:…`, `operator`, `service:arena`, `anonymous`. */
export function identityName(identity: Identity): string {
  switch (identity.kind) {
    case 'wallet':
      return `wallet:${identity.wallet}`;
    case 'organisation':
      return `organisation:${identity.organisation}`;
    case 'service':
      return `service:${identity.service}`;
    default:
      return identity.kind;
  }
}
