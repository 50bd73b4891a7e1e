import type { Provider } from '@nestjs/common';
import { FilesystemArtifactStore, type ArtifactStore } from '@skein/artifacts';
import { DatabaseClock, EventStore, type RebuildProgress } from '@skein/events';
import { RejectionError, SeededBeacon, SystemIds, type Beacon } from '@skein/kernel';
import { eventLogFromUrl, type EventLog } from '@skein/messaging';
import { createLogger, createMetrics, type Logger, type ServiceMetrics, type ServiceTracing } from '@skein/telemetry';
import type pg from 'pg';
import { ConfigError, secretsOf } from '../config.js';
import type { GrpcClients } from '../grpc-clients.js';
import { createGrpcClients } from '../grpc/client-factory.js';
import type { ServiceDefinition } from '../service-definition.js';
import type { Settings } from '../settings.js';
import { ARTIFACTS, BEACON, CLOCK, CONFIG, EVENT_LOG, EVENT_STORE, GRPC_CLIENTS, IDS, LOGGER, METRICS, POOL } from '../tokens.js';
import type { Adapters } from './adapters.js';
import { makePool } from './pool.js';

/** The parts of a running service that the platform makes, and closes again. */
export interface Parts {
  readonly logger: Logger;
  readonly metrics: ServiceMetrics;
  readonly tracing: ServiceTracing;
  readonly pool: pg.Pool;
  readonly store: EventStore;
  readonly log: EventLog;
  readonly artifacts: ArtifactStore | undefined;
  readonly clients: GrpcClients;
  readonly clock: DatabaseClock;
  readonly beacon: Beacon;
  /** Finishes what a crash has left of the artifacts. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** Says what is missing when somebody uses what was not configured, instead of at every start. */
function absentLog(service: string): EventLog {
  const refuse = (): never => {
    throw new ConfigError(service, ['EVENT_LOG_URL: is missing']);
  };
  return { send: refuse, consume: refuse, lag: refuse, createTopics: refuse, close: async () => undefined };
}

const absentBeacon: Beacon = {
  draw: async () => {
    throw new RejectionError({ code: 'unavailable', rule: 'no-beacon', message: 'no beacon is configured: set BEACON_SEED on a devnet', retriable: false });
  },
};

/** Artifacts on the filesystem below the service's own prefix, where a folder is configured. */
const artifactsOf = (service: string, { artifactsDir: dir, artifactLimitBytes: sizeBytesMax }: Settings, pool: pg.Pool): FilesystemArtifactStore | undefined =>
  dir === undefined ? undefined : new FilesystemArtifactStore({ pool, dir, service, sizeBytesMax });

const rebuildFields = ({ projection, version, state, built, head, eventsPerSecond, remainingMs }: RebuildProgress): Record<string, unknown> =>
  ({ projection, version, state, eventsDone: Number(built), eventsTotal: Number(head), eventsPerSecond, secondsLeft: remainingMs === undefined ? undefined : Math.ceil(remainingMs / 1_000) });

/** Makes the parts from settings and adapters. */
export function makeParts(definition: ServiceDefinition, settings: Settings, adapters: Adapters, tracing: ServiceTracing): Parts {
  const { name } = definition;
  const logger = adapters.logger?.child({ service: name }) ?? createLogger({ service: name, level: settings.logLevel, secrets: secretsOf(settings) });
  const metrics = createMetrics(name);
  const report = (error: unknown, where: string): void => logger.error({ err: error, where }, 'background work failed, it goes on');
  const pool = makePool(name, settings.databaseUrl, settings.poolMax, metrics.meter);
  pool.on('error', (error) => report(error, 'pool'));
  const store = new EventStore({ pool, onError: report, onCommand: (outcome) => logger.debug(outcome, 'executed'), onProgress: (progress) => logger.info(rebuildFields(progress), 'rebuilding a projection'), meter: metrics.meter, ...(tracing.tracer === undefined ? {} : { tracer: tracing.tracer }), ...(definition.upcasters === undefined ? {} : { upcasters: definition.upcasters }) });
  const own = adapters.log === undefined && settings.eventLogUrl !== undefined ? eventLogFromUrl({ url: settings.eventLogUrl, clientId: `skein-${name}`, onError: report }) : undefined;
  const kept = artifactsOf(name, settings, pool);
  const clock = new DatabaseClock({ pool, onError: report });
  const clients = createGrpcClients({ caller: name, serviceTokenSecret: settings.serviceTokenSecret, peers: settings.peers, clock, bodyLimitBytes: settings.bodyLimitBytes, tracer: tracing.tracer });
  return {
    logger, metrics, tracing, pool, store, clients, clock,
    log: adapters.log ?? own ?? absentLog(name),
    artifacts: adapters.artifacts ?? kept,
    beacon: settings.beaconSeed === undefined ? absentBeacon : new SeededBeacon(settings.beaconSeed),
    sweep: async () => kept?.sweep().catch((error: unknown) => report(error, 'artifact sweep')),
    close: async () => {
      clock.stop();
      clients.close();
      await own?.close();
      await store.close();
      if (!pool.ending) await pool.end();
      await metrics.shutdown();
      await tracing.shutdown();
    },
  };
}

/** The parts under their tokens. A service may provide a token itself: its own provider comes later and wins. */
export const platformProviders = (parts: Parts, settings: Settings): Provider[] => [
  { provide: CONFIG, useValue: settings },
  { provide: LOGGER, useValue: parts.logger },
  { provide: METRICS, useValue: parts.metrics.meter },
  { provide: POOL, useValue: parts.pool },
  { provide: EVENT_STORE, useValue: parts.store },
  { provide: EVENT_LOG, useValue: parts.log },
  { provide: ARTIFACTS, useValue: parts.artifacts },
  { provide: GRPC_CLIENTS, useValue: parts.clients },
  { provide: CLOCK, useValue: parts.clock },
  { provide: IDS, useValue: new SystemIds() },
  { provide: BEACON, useValue: parts.beacon },
];
