import { file_inference_grpc_service } from '@skein/contracts/inference';
import { file_skein_marketplace_v1_service } from '@skein/contracts/marketplace';
import { TimerWorker, type EventStore, type Projection, type ReportError } from '@skein/events';
import { API_KEYS, EVENT_STORE, type ServiceContext, type ServiceDefinition, type Worker } from '@skein/platform';
import { CALL_WATCH } from './application/call-timers.js';
import { watchCall } from './application/call-watch.js';
import { DEMAND_WINDOW, Deployments } from './application/deployments.js';
import { Inference } from './application/inference.js';
import { CALLER_KEYS, LINEAGE, MODEL_FILES, QUERIES, RUNNER, type MarketplaceQueries } from './application/ports.js';
import { Registry } from './application/registry.js';
import { marketplaceConfig } from './application/settings.js';
import { KeyCopy } from './infrastructure/key-copy.js';
import { LineageCopy } from './infrastructure/lineage-copy.js';
import { GrantedModelFiles } from './infrastructure/model-files.js';
import { ServingRunner } from './infrastructure/serving-runner.js';
import { keyHandlers } from './interface/events/keys.consumer.js';
import { lineageHandlers } from './interface/events/lineage.consumer.js';
import { InferenceApi } from './interface/grpc/inference.api.js';
import { MarketplaceApi } from './interface/grpc/marketplace.api.js';
import { oipRoutes } from './interface/http/oip.routes.js';
import { callsProjection } from './projections/calls.projection.js';
import { catalogueProjection } from './projections/catalogue.projection.js';
import { SqlMarketplaceQueries } from './projections/queries.js';
import { modelVersionPublication } from './publish/model-version.publication.js';
import { pricePublication } from './publish/price.publication.js';
import { usagePublication } from './publish/usage.publication.js';

/** Every read model of the marketplace. */
export const marketplaceProjections: readonly Projection[] = [callsProjection, catalogueProjection];

const named = (name: string, part: { start(): Promise<void>; stop(): Promise<void> }): Worker => ({ name, start: () => part.start(), stop: () => part.stop() });

function workers(context: ServiceContext): Worker[] {
  const store = context.get<EventStore>(EVENT_STORE);
  const deployments = context.get(Deployments);
  const inference = context.get(Inference);
  const onError: ReportError = (error, where) => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const timers = new TimerWorker({
    pool: store.pool,
    handlers: { [DEMAND_WINDOW]: (timer) => deployments.closeWindow(timer), [CALL_WATCH]: (timer) => watchCall(store, inference, timer) },
    onError,
  });
  return [named('marketplace-timers', timers)];
}

/** Registry and lineage, deployments, paid inference, prices. */
export const marketplaceService: ServiceDefinition = {
  name: 'marketplace',
  contexts: [file_skein_marketplace_v1_service, file_inference_grpc_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  config: marketplaceConfig,
  providers: [
    LineageCopy,
    { provide: LINEAGE, useExisting: LineageCopy },
    KeyCopy,
    { provide: CALLER_KEYS, useExisting: KeyCopy },
    { provide: API_KEYS, useExisting: KeyCopy },
    { provide: MODEL_FILES, useClass: GrantedModelFiles },
    { provide: RUNNER, useClass: ServingRunner },
    { provide: QUERIES, useClass: SqlMarketplaceQueries },
    Registry,
    Deployments,
    Inference,
  ],
  apis: [MarketplaceApi, InferenceApi],
  projections: marketplaceProjections,
  archive: { closedBy: ['skein.marketplace.call.captured.v1', 'skein.marketplace.call.voided.v1'], afterDays: 30 },
  publications: [modelVersionPublication, pricePublication, usagePublication],
  consumers: (context) => [
    { group: 'marketplace.lineage', handlers: lineageHandlers(context.get(LineageCopy)), policy: 'park' },
    { group: 'marketplace.keys', handlers: keyHandlers(context.get(KeyCopy)), policy: 'park' },
  ],
  workflows: (context) => [{ name: 'call', open: (limit) => context.get<MarketplaceQueries>(QUERIES).openCalls(limit) }],
  workers,
  artifacts: true,
  http: oipRoutes,
};
