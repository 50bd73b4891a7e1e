import type { ServiceName } from '@skein/platform';
import { SERVICE_NAMES } from './ports.js';
import { sha256Hex, type Secrets } from './secrets.js';

/** What the parts around the services tell each of them. */
export interface Surroundings {
  readonly data: string;
  readonly ports: { readonly grpc: Readonly<Record<ServiceName, number>>; readonly internal: Readonly<Record<ServiceName, number>> };
  readonly secrets: Secrets;
  readonly databases: Readonly<Record<ServiceName, { readonly ownerUrl: string; readonly appUrl: string }>>;
  readonly eventLogUrl: string;
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly addressBook: string;
  readonly quiet: boolean;
}

/** Domain that sessions name on a devnet. */
export const SIGN_IN_DOMAIN = 'skein.localhost';

/** `PEERS_<SERVICE>`: where a service finds another one's internal gRPC. */
export const peerVariable = (name: ServiceName): string => `PEERS_${name.toUpperCase().replaceAll('-', '_')}`;

/** Environment of one service, under the same names as anywhere else, so that the same rules check them. */
export function environmentOf(name: ServiceName, around: Surroundings): Record<string, string> {
  const { ports, secrets, databases } = around;
  return {
    DATABASE_URL: databases[name].appUrl,
    MIGRATION_DATABASE_URL: databases[name].ownerUrl,
    EVENT_LOG_URL: around.eventLogUrl,
    GRPC_PORT: String(ports.grpc[name]),
    INTERNAL_GRPC_PORT: String(ports.internal[name]),
    ARTIFACTS_DIR: `${around.data}/artifacts`,
    OPERATOR_TOKEN_SHA256: sha256Hex(secrets.operatorToken),
    SERVICE_TOKEN_SECRET: secrets.serviceTokenSecret,
    BEACON_SEED: secrets.seed,
    CHAIN_RPC_URL: around.rpcUrl,
    CHAIN_ID: String(around.chainId),
    CHAIN_CONTRACTS: around.addressBook,
    CHAIN_POLL_MS: '250',
    SIGN_IN_DOMAIN,
    DATABASE_POOL_MAX: '4',
    LOG_LEVEL: around.quiet ? 'warn' : 'info',
    ...Object.fromEntries(SERVICE_NAMES.map((peer) => [peerVariable(peer), `127.0.0.1:${ports.internal[peer]}`])),
  };
}
