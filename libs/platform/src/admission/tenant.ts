import { identityName, type Identity } from '../identity.js';

/** Where a call comes from, as far as a transport knows: an address without its port. */
export type Address = string | undefined;

/** The address of a socket's peer, as gRPC writes it (`127.0.0.1:5000`, `::1:5000`), without the port. */
export const addressOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** Who shares a queue's turns: the organisation, the wallet, the operator, the calling service, or the address of nobody in particular. */
export const tenantName = (identity: Identity, address: Address): string => (identity.kind === 'anonymous' ? `address:${address ?? ''}` : identityName(identity));
