import { RejectionError } from '@skein/kernel';
import { identityName, type Identity } from '../identity.js';

/** The identity as libs/artifacts names owners and readers: the CAIP-10 wallet itself, else `organisation:<id>`, `service:<name>`, `operator`. */
export function principalOf(identity: Identity): string {
  if (identity.kind === 'anonymous') throw new RejectionError({ code: 'unauthenticated', rule: 'credentials-required', message: 'this call needs credentials', field: 'authorization' });
  return identity.kind === 'wallet' ? identity.wallet : identityName(identity);
}
