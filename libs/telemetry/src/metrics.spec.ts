import { afterAll, describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

const arena = createMetrics('arena');
const billing = createMetrics('billing');
afterAll(() => Promise.all([arena.shutdown(), billing.shutdown()]));

describe('metrics', () => {
  it('renders Prometheus text with the names as given and the service on every series', async () => {
    arena.meter.createCounter('dead_letters_total').add(2, { group: 'g' });
    arena.meter.createCounter('inbox_duplicates_total').add(1);
    arena.meter.createObservableGauge('consumer_lag_events').addCallback((result) => result.observe(5, { group: 'g' }));
    arena.meter.createHistogram('es_append_duration_seconds', { unit: 's', advice: { explicitBucketBoundaries: [0.01, 1] } }).record(0.002);
    const text = await arena.render();
    expect(text).toMatch(/^dead_letters_total\{group="g",service_name="arena"\} 2$/m);
    expect(text).toMatch(/^inbox_duplicates_total\{service_name="arena"\} 1$/m);
    expect(text).toMatch(/^consumer_lag_events\{group="g",service_name="arena"\} 5$/m);
    expect(text).toMatch(/^es_append_duration_seconds_bucket\{service_name="arena",le="0\.01"\} 1$/m);
    expect(text).toMatch(/^# TYPE consumer_lag_events gauge$/m);
  });

  it('keeps services apart', async () => {
    billing.meter.createCounter('dead_letters_total').add(1);
    expect(await billing.render()).toContain('dead_letters_total{service_name="billing"} 1');
    expect(await billing.render()).not.toContain('arena');
  });
});
