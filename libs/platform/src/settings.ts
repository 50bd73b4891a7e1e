import type { CallLimits } from './admission/limits.js';

/** The six services. */
export type ServiceName = 'arena' | 'validation' | 'fl-aggregator' | 'staking-indexer' | 'marketplace' | 'billing';

/** What one process of a service does. `all` is api and worker; `migrate` migrates its database and ends. */
export type Role = 'api' | 'worker' | 'migrate' | 'all';

/** Configuration of a service, parsed once from the environment. `own` holds the service's own settings. */
export interface Settings<Own = Record<string, unknown>> {
  readonly databaseUrl: string;
  readonly migrationDatabaseUrl: string;
  readonly eventLogUrl?: string;
  /** Address that every port listens on. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly internalGrpcPort: number;
  readonly artifactsDir?: string;
  readonly operatorTokenSha256?: string;
  readonly serviceTokenSecret: string;
  readonly beaconSeed?: string;
  readonly chainRpcUrl?: string;
  readonly chainId: number;
  /** Domain that EIP-4361 messages must name. */
  readonly signInDomain: string;
  /** Service name → host:port of its internal gRPC port. */
  readonly peers: Readonly<Record<string, string>>;
  readonly bodyLimitBytes: number;
  readonly artifactLimitBytes: number;
  /** Longest time that calls get to end at a stop; what orchestrators allow has to be a little more. */
  readonly drainMs: number;
  readonly poolMax: number;
  /** Between two passes of what removes and archives. */
  readonly housekeepingMs: number;
  /** Days after which closed streams are archived; default: the service's own. */
  readonly archiveAfterDays?: number;
  /** Longest that a unary call may take, and what it gets when the caller names no deadline. */
  readonly callTimeoutMs: number;
  /** How much the process takes on at a time. */
  readonly limits: CallLimits;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly own: Own;
}
