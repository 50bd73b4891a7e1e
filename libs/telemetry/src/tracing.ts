import type { Tracer } from '@opentelemetry/api';

/** Names and texts as an environment holds them. */
type Environment = Readonly<Record<string, string | undefined>>;

/** What `startTracing` needs. */
export interface TracingOptions {
  /** Where `OTEL_*` is read; the exporter's own settings (headers, timeouts, compression, certificates) it reads itself. */
  readonly environment: Environment;
  /** `service.version` of the resource. */
  readonly version?: string;
}

/** A service's tracing: without a tracer where none is configured. */
export interface ServiceTracing {
  readonly tracer: Tracer | undefined;
  /** Sends what is left; the process's last one closes the exporter. */
  shutdown(): Promise<void>;
}

const tracers = new Map<string, Tracer>();
const OFF: ServiceTracing = { tracer: undefined, shutdown: async () => undefined };

/** Whether spans are to be exported: an OTLP endpoint is set and nothing switches it off. */
export function tracingIsOn(environment: Environment): boolean {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter, OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = environment;
  return Boolean(traces || all) && disabled?.toLowerCase() !== 'true' && exporter !== 'none';
}

/**
 * Starts the tracing of one service of this process: own resource (`service.name`, `service.version`,
 * `service.instance.id`), W3C context, batches over OTLP/HTTP. The SDK is only loaded where `OTEL_EXPORTER_OTLP_ENDPOINT`
 * is set; the stored trace context flows without it as well.
 */
export async function startTracing(service: string, options: TracingOptions): Promise<ServiceTracing> {
  if (!tracingIsOn(options.environment)) return OFF;
  const { openTracing } = await import('./tracing-sdk.js');
  const { tracer, shutdown } = openTracing(service, options.version, options.environment);
  tracers.set(service, tracer);
  return {
    tracer,
    async shutdown() {
      if (tracers.get(service) === tracer) tracers.delete(service);
      await shutdown();
    },
  };
}

/** The tracer of a service of this process; undefined where nothing is traced. */
export const tracerOf = (service: string): Tracer | undefined => tracers.get(service);
