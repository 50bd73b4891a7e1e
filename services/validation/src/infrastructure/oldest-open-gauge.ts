import type { Meter, ObservableResult } from '@opentelemetry/api';
import type { Worker } from '@skein/platform';

/** Metric `workflow_oldest_open_seconds{workflow}`: a stuck evaluation is visible before anybody asks for it. */
export function oldestOpenGauge(meter: Meter, workflow: string, read: () => Promise<number>): Worker {
  const gauge = meter.createObservableGauge('workflow_oldest_open_seconds', { description: 'Age of the oldest open instance', unit: 's' });
  const observe = async (result: ObservableResult): Promise<void> => {
    // Before the first start of the projection there is no table to ask; the next reading has one.
    const seconds = await read().catch(() => undefined);
    if (seconds !== undefined) result.observe(seconds, { workflow });
  };
  return {
    name: `oldest-open-${workflow}`,
    start: () => gauge.addCallback(observe),
    stop: async () => gauge.removeCallback(observe),
  };
}
