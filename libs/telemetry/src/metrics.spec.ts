import { metrics as api } from '@opentelemetry/api';
import { afterAll, describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

const arena = createMetrics('arena');
const billing = createMetrics('billing');
afterAll(() => billing.shutdown());

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

describe('an observation that fails', () => {
  it('is counted, and hides nothing else', async () => {
    const gauge = billing.meter.createObservableGauge('oldest_open_seconds');
    const away = async (): Promise<void> => Promise.reject(new Error('the database is away'));
    gauge.addCallback(away);
    const text = await billing.render();
    expect(text).toContain('dead_letters_total{service_name="billing"} 1');
    expect(text).toMatch(/^# TYPE metrics_failed gauge\nmetrics_failed\{service_name="billing"\} 1$/m);
    gauge.removeCallback(away);
    expect(await billing.render()).toMatch(/^metrics_failed\{service_name="billing"\} 0$/m);
  });
});

describe('the global meter', () => {
  it('shows with the first service only, as the process\'s while there are several', async () => {
    api.getMeter('lib').createCounter('inbox_duplicates_total').add(3);
    api.getMeter('lib').createCounter('es_append_conflicts_total').add(1);
    expect(await arena.render()).toMatch(/^es_append_conflicts_total\{service_name="process"\} 1$/m);
    expect(await billing.render()).not.toContain('es_append_conflicts_total');
    const text = await arena.render();
    expect(text.match(/^# TYPE inbox_duplicates_total counter$/gm)).toHaveLength(1);
    expect(text).toMatch(/^inbox_duplicates_total\{service_name="arena"\} 1\ninbox_duplicates_total\{service_name="process"\} 3$/m);
  });

  it('is the service\'s own where it is alone', async () => {
    await arena.shutdown();
    expect(await billing.render()).toMatch(/^es_append_conflicts_total\{service_name="billing"\} 1$/m);
  });
});
