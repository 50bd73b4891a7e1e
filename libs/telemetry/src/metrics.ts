import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

/** A service's own metrics: in the all-in-one each of the six has one, so nothing is registered globally. */
export interface ServiceMetrics {
  /** Hand this to libs and use it for own instruments. */
  readonly meter: Meter;
  /** Prometheus text format of everything measured so far, for `/metrics`. */
  render(): Promise<string>;
  shutdown(): Promise<void>;
}

/** Makes the metrics of one service; every series carries `service_name="<name>"`. No port is opened. */
export function createMetrics(service: string): ServiceMetrics {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ resource: resourceFromAttributes({ 'service.name': service }), readers: [reader] });
  const serializer = new PrometheusSerializer('', false, /^service\.name$/, true, true);
  return {
    meter: provider.getMeter('skein'),
    async render() {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) throw new AggregateError(errors, 'metrics could not be collected');
      return serializer.serialize(resourceMetrics);
    },
    shutdown: () => provider.shutdown(),
  };
}
