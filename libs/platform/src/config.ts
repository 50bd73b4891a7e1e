import { parseKafkaUrl } from '@skein/messaging';
import { z } from 'zod';
import { DEFAULT_LIMITS } from './admission/limits.js';
import type { ServiceDefinition } from './service-definition.js';
import type { Settings } from './settings.js';

/** Everything that is wrong with a configuration, by environment name; values are never repeated. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(service: string, problems: readonly string[]) {
    super(`configuration of ${service}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** The environment of this process; the one place that reads it. */
export const processEnvironment = (): Environment => process.env;

/** Names and texts as an environment holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const port = (standard: number) => z.coerce.number().int().min(0).max(65_535).default(standard);
const count = (standard: number) => z.coerce.number().int().min(1).max(100_000).default(standard);
const databaseUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL');

/** The embedded event log's database, or a Kafka cluster. */
const eventLogUrl = z.string().superRefine((url, issue) => {
  if (!url.startsWith('kafka://')) {
    if (!databaseUrl.safeParse(url).success) issue.addIssue('must be a postgres:// or kafka:// URL');
    return;
  }
  try {
    parseKafkaUrl(url);
  } catch (error) {
    issue.addIssue(error instanceof Error ? error.message : 'is no kafka:// URL');
  }
});

/** `operator=4,organisation:7f…=2`; undefined where it cannot be read. */
function weightsOf(text: string): Record<string, number> | undefined {
  const pairs = text.split(',').map((part) => /^\s*(\S+)=(\d{1,3})\s*$/.exec(part));
  if (!pairs.every((pair) => pair !== null && Number(pair[2]) >= 1 && Number(pair[2]) <= 100)) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], Number(pair?.[2])]));
}

const common = z.object({
  DATABASE_URL: databaseUrl,
  MIGRATION_DATABASE_URL: databaseUrl.optional(),
  EVENT_LOG_URL: eventLogUrl.optional(),
  LISTEN_HOST: z.string().min(1).default('127.0.0.1'),
  HTTP_PORT: port(8080),
  GRPC_PORT: port(9090),
  INTERNAL_GRPC_PORT: port(9091),
  ARTIFACTS_DIR: z.string().min(1).optional(),
  OPERATOR_TOKEN_SHA256: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hex digits: the SHA-256 of the token').optional(),
  SERVICE_TOKEN_SECRET: z.string().min(32, 'must have at least 32 characters'),
  BEACON_SEED: z.string().min(1).optional(),
  CHAIN_RPC_URL: z.string().regex(/^(https?|wss?):\/\//, 'must be an http(s) or ws(s) URL').optional(),
  CHAIN_ID: z.coerce.number().int().positive().default(31_337),
  SIGN_IN_DOMAIN: z.string().min(1).default('localhost'),
  BODY_LIMIT_BYTES: z.coerce.number().int().positive().default(1024 * 1024),
  ARTIFACT_LIMIT_BYTES: z.coerce.number().int().positive().default(256 * 1024 * 1024),
  DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(8_000),
  DATABASE_POOL_MAX: z.coerce.number().int().min(1).max(50).default(4),
  HOUSEKEEPING_MS: z.coerce.number().int().min(100).max(86_400_000).default(3_600_000),
  ARCHIVE_AFTER_DAYS: z.coerce.number().int().min(0).max(36_500).optional(),
  CALL_TIMEOUT_MS: z.coerce.number().int().min(100).max(600_000).default(30_000),
  CALLS_MAX: count(DEFAULT_LIMITS.callsMax),
  CALLS_QUEUED_MAX: count(DEFAULT_LIMITS.queuedMax),
  INTERNAL_CALLS_MAX: count(DEFAULT_LIMITS.internalCallsMax),
  STREAMS_MAX: count(DEFAULT_LIMITS.streamsMax),
  CREDENTIAL_CHECKS_MAX: count(DEFAULT_LIMITS.credentialsMax),
  BODIES_BYTES_MAX: z.coerce.number().int().positive().default(DEFAULT_LIMITS.bodyBytesMax),
  TENANT_WEIGHTS: z.string().default('operator=4').transform((text, issue) => weightsOf(text) ?? (issue.addIssue('must be <tenant>=<1…100>, joined by commas'), z.NEVER)),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

const PEER = /^PEERS_([A-Z_]+)$/;

function peersOf(environment: Environment, problems: string[]): Record<string, string> {
  const peers: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    const service = PEER.exec(name)?.[1];
    if (service === undefined || value === undefined) continue;
    if (!/^[^\s:]+:\d{1,5}$/.test(value)) problems.push(`${name}: must be host:port`);
    peers[service.toLowerCase().replaceAll('_', '-')] = value;
  }
  return peers;
}

const describe = (issues: readonly z.core.$ZodIssue[], environment: Environment): string[] =>
  issues.map(({ path, message }) => {
    const name = path.map(String).join('.');
    return environment[name] === undefined ? `${name}: is missing` : `${name}: ${message}`;
  });

/** Parses a service's settings once: common ones and its own. Throws one `ConfigError` with everything that is wrong. */
export function parseSettings(definition: Pick<ServiceDefinition, 'name' | 'config'>, environment: Environment): Settings {
  // An empty variable counts as absent: that is how compose files and charts leave one out.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const problems: string[] = [];
  const parsed = common.safeParse(given);
  if (!parsed.success) problems.push(...describe(parsed.error.issues, given));
  const own = definition.config?.safeParse(given);
  if (own !== undefined && !own.success) problems.push(...describe(own.error.issues, given));
  const peers = peersOf(given, problems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(definition.name, problems);
  const value = parsed.data;
  return {
    databaseUrl: value.DATABASE_URL,
    migrationDatabaseUrl: value.MIGRATION_DATABASE_URL ?? value.DATABASE_URL,
    ...(value.EVENT_LOG_URL === undefined ? {} : { eventLogUrl: value.EVENT_LOG_URL }),
    host: value.LISTEN_HOST,
    httpPort: value.HTTP_PORT,
    grpcPort: value.GRPC_PORT,
    internalGrpcPort: value.INTERNAL_GRPC_PORT,
    ...(value.ARTIFACTS_DIR === undefined ? {} : { artifactsDir: value.ARTIFACTS_DIR }),
    ...(value.OPERATOR_TOKEN_SHA256 === undefined ? {} : { operatorTokenSha256: value.OPERATOR_TOKEN_SHA256 }),
    serviceTokenSecret: value.SERVICE_TOKEN_SECRET,
    ...(value.BEACON_SEED === undefined ? {} : { beaconSeed: value.BEACON_SEED }),
    ...(value.CHAIN_RPC_URL === undefined ? {} : { chainRpcUrl: value.CHAIN_RPC_URL }),
    chainId: value.CHAIN_ID,
    signInDomain: value.SIGN_IN_DOMAIN,
    peers,
    bodyLimitBytes: value.BODY_LIMIT_BYTES,
    artifactLimitBytes: value.ARTIFACT_LIMIT_BYTES,
    drainMs: value.DRAIN_MS,
    poolMax: value.DATABASE_POOL_MAX,
    housekeepingMs: value.HOUSEKEEPING_MS,
    ...(value.ARCHIVE_AFTER_DAYS === undefined ? {} : { archiveAfterDays: value.ARCHIVE_AFTER_DAYS }),
    callTimeoutMs: value.CALL_TIMEOUT_MS,
    limits: {
      callsMax: value.CALLS_MAX, queuedMax: value.CALLS_QUEUED_MAX, internalCallsMax: value.INTERNAL_CALLS_MAX, streamsMax: value.STREAMS_MAX,
      credentialsMax: value.CREDENTIAL_CHECKS_MAX, bodyBytesMax: value.BODIES_BYTES_MAX, weights: value.TENANT_WEIGHTS,
    },
    logLevel: value.LOG_LEVEL,
    own: own?.success === true ? own.data : {},
  };
}

/** Values that must never be printed, for the logger to censor. */
export function secretsOf(settings: Settings): readonly string[] {
  const passwords = [settings.databaseUrl, settings.migrationDatabaseUrl, settings.eventLogUrl].flatMap((url) => (url === undefined || url.startsWith('kafka://') ? [] : [new URL(url).password]));
  return [settings.serviceTokenSecret, settings.beaconSeed, ...passwords].filter((secret) => secret !== undefined && secret !== '') as string[];
}

const shown = (value: string | number | Record<string, number>): string => (typeof value === 'object' ? Object.entries(value).map((pair) => pair.join('=')).join(',') : String(value));

/** Names of the common environment variables with their defaults, for `--help`. */
export const commonVariables = (): readonly { readonly name: string; readonly standard: string }[] =>
  Object.entries(common.shape).map(([name, schema]) => {
    const parsed = schema.safeParse(undefined);
    return { name, standard: !parsed.success ? 'required' : parsed.data === undefined ? 'optional' : shown(parsed.data) };
  });
