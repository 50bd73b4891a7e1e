import type { Parts } from '../boot/providers.js';
import type { ServiceContext, ServiceDefinition } from '../service-definition.js';
import { ConsumerApi } from './consumer-api.js';
import { LogApi } from './log-api.js';
import { OperationsApi } from './operations-api.js';
import { TopicApi } from './topic-api.js';
import { WorkApi } from './work-api.js';

/** The handlers of `OperationsService`, by what they are about. */
export function operationsApis(definition: ServiceDefinition, context: ServiceContext, { store, pool, log }: Pick<Parts, 'store' | 'pool' | 'log'>): object[] {
  const { projections = [] } = definition;
  return [
    new OperationsApi(store, projections),
    new LogApi(store, projections),
    new ConsumerApi(pool, log, definition.consumers?.(context) ?? []),
    new WorkApi(pool, definition.workflows?.(context) ?? []),
    new TopicApi(log),
  ];
}
