import type { ObservableResult } from '@opentelemetry/api';
import { EVENT_TYPES } from '@skein/contracts';
import { Housekeeper, projectionSink, RebuildWorker, Subscription, type ArchivePolicy, type ReportError } from '@skein/events';
import { ConsumerWorker, MESSAGE_CONTENTS, Relay } from '@skein/messaging';
import type { ServiceContext, ServiceDefinition, Worker, WorkflowDefinition } from '../service-definition.js';
import { oldestOpenSeconds } from '../operations/workflows.js';
import type { Settings } from '../settings.js';
import type { Parts } from './providers.js';

/** Metric `workflow_oldest_open_seconds{workflow}`: what is stuck is visible before anybody asks for it. */
function workflowAges(workflows: readonly WorkflowDefinition[], { metrics, pool }: Parts): Worker {
  const gauge = metrics.meter.createObservableGauge('workflow_oldest_open_seconds', { description: 'Age of the oldest open instance of a workflow', unit: 's' });
  const observe = async (result: ObservableResult): Promise<void> => {
    for (const workflow of workflows) {
      // Before the first start of a projection there is no table to ask; the next reading has one.
      const seconds = await oldestOpenSeconds(pool, workflow).catch(() => undefined);
      if (seconds !== undefined) result.observe(seconds, { workflow: workflow.name });
    }
  };
  return { name: 'workflow-ages', start: () => gauge.addCallback(observe), stop: async () => gauge.removeCallback(observe) };
}

/** The service says which streams are closed, its operator may say when they move. */
function archiveOf({ archive }: ServiceDefinition, { archiveAfterDays }: Settings): { archive?: ArchivePolicy } {
  return archive === undefined ? {} : { archive: { ...archive, afterDays: archiveAfterDays ?? archive.afterDays } };
}

/** The workers that follow from what a service declares: projections, publications, consumers, ages of workflows, housekeeping; then its own. */
export function declaredWorkers(definition: ServiceDefinition, context: ServiceContext, parts: Parts): Worker[] {
  const { store, pool, log, logger } = parts;
  const onError: ReportError = (error, where) => logger.error({ err: error, where }, 'background work failed, it goes on');
  const { projections = [], publications = [] } = definition;
  const workflows = definition.workflows?.(context) ?? [];
  return [
    ...projections.map((projection) => new Subscription({ store, sink: projectionSink(store, projection), onError })),
    ...(projections.length > 0 ? [new RebuildWorker({ store, projections, onError })] : []),
    ...(publications.length > 0 ? [new Relay({ store, log, publications, onError })] : []),
    ...(definition.consumers?.(context) ?? []).map((consumer) => new ConsumerWorker({ eventTypes: EVENT_TYPES, ...consumer, log, pool, logger })),
    new Housekeeper({ store, onError, everyMs: context.settings.housekeepingMs, expiring: [MESSAGE_CONTENTS], ...archiveOf(definition, context.settings) }),
    ...(workflows.length > 0 ? [workflowAges(workflows, parts)] : []),
    ...(definition.workers?.(context) ?? []),
  ];
}
