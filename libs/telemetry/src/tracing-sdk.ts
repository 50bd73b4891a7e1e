import { randomUUID } from 'node:crypto';
import { context, type Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider, TraceIdRatioBasedSampler, type Sampler, type SpanProcessor,
} from '@opentelemetry/sdk-trace';

/** A collector that is away must not keep a service from stopping. */
const CLOSE_MS_MAX = 2_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** One exporter and one queue for all services of the process. */
interface Shared {
  readonly processor: BatchSpanProcessor;
  readonly instanceId: string;
  users: number;
}

let shared: Shared | undefined;

function number(environment: Environment, name: string): number | undefined {
  const value = Number(environment[name] || Number.NaN);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The queue's limits by the names and defaults of the OpenTelemetry specification; only the delay is shorter, 1 s instead of 5. */
function batchOptions(environment: Environment): { scheduledDelayMillis: number; maxQueueSize: number; maxExportBatchSize: number; exportTimeoutMillis: number } {
  return {
    scheduledDelayMillis: number(environment, 'OTEL_BSP_SCHEDULE_DELAY') ?? 1_000,
    maxQueueSize: number(environment, 'OTEL_BSP_MAX_QUEUE_SIZE') ?? 2_048,
    maxExportBatchSize: number(environment, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512,
    exportTimeoutMillis: number(environment, 'OTEL_BSP_EXPORT_TIMEOUT') ?? 30_000,
  };
}

/** `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`; default `parentbased_always_on`. An unknown name is an error. */
export function samplerOf(environment: Environment): Sampler {
  const name = environment['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on';
  const ratio = Math.min(1, number(environment, 'OTEL_TRACES_SAMPLER_ARG') ?? 1);
  const roots: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = roots[name.replace(/^parentbased_/, '')];
  if (root === undefined) throw new Error(`OTEL_TRACES_SAMPLER: no sampler is called ${name}`);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root: root() }) : root();
}

function share(environment: Environment): Shared {
  if (shared === undefined) {
    // Without effect where the process has one already.
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    shared = { processor: new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), ...batchOptions(environment) }), instanceId: randomUUID(), users: 0 };
  }
  shared.users += 1;
  return shared;
}

/** A provider's way into the shared queue: its own end leaves the others' spans alone. */
const into = (processor: SpanProcessor): SpanProcessor => ({
  onStart: (span, parent) => processor.onStart(span, parent),
  onEnd: (span) => processor.onEnd(span),
  forceFlush: (...options) => processor.forceFlush(...options),
  shutdown: async () => undefined,
});

/** Opens the tracing of one service; the first opens the process's exporter, the last one's `shutdown` closes it. */
export function openTracing(service: string, version: string | undefined, environment: Environment): { tracer: Tracer; shutdown(): Promise<void> } {
  const sampler = samplerOf(environment);
  const mine = share(environment);
  const resource = resourceFromAttributes({ 'service.namespace': 'skein', 'service.name': service, ...(version === undefined ? {} : { 'service.version': version }), 'service.instance.id': mine.instanceId });
  const provider = new TracerProvider({ resource, sampler, spanProcessors: [into(mine.processor)] });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    mine.users -= 1;
    if (mine.users > 0) return mine.processor.forceFlush();
    if (shared === mine) shared = undefined;
    await mine.processor.shutdown();
  };
  return { tracer: provider.getTracer('skein', version), shutdown: () => (closing ??= within(close(), CLOSE_MS_MAX)) };
}

/** Resolves when `work` has ended, however it ends, or when the time is over. */
async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => late.resolve(), milliseconds);
  await Promise.race([work.catch(() => undefined), late.promise]);
  clearTimeout(timer);
}
