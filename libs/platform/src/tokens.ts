/** `EventStore` of libs/events over the service's own database. */
export const EVENT_STORE = Symbol('EVENT_STORE');
/** `pg.Pool` of the service's app role (at most 4 connections). */
export const POOL = Symbol('POOL');
/** `ArtifactStore` of libs/artifacts. */
export const ARTIFACTS = Symbol('ARTIFACTS');
/** `EventLog` of libs/messaging. */
export const EVENT_LOG = Symbol('EVENT_LOG');
/** `Clock` of libs/kernel: for durations only; decisions use the database's clock. */
export const CLOCK = Symbol('CLOCK');
/** `IdSource` of libs/kernel. */
export const IDS = Symbol('IDS');
/** `Beacon` of libs/kernel: public randomness. */
export const BEACON = Symbol('BEACON');
/** `Settings`: the parsed configuration. */
export const CONFIG = Symbol('CONFIG');
/** `GrpcClients`: typed clients of other services. */
export const GRPC_CLIENTS = Symbol('GRPC_CLIENTS');
/** `Logger`. */
export const LOGGER = Symbol('LOGGER');
/** `Meter` of @opentelemetry/api. */
export const METRICS = Symbol('METRICS');
/** `ApiKeyDirectory`, provided by a service that accepts API keys. */
export const API_KEYS = Symbol('API_KEYS');
