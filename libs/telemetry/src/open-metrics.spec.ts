import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';
import { wantsOpenMetrics } from './open-metrics.js';
import { withTrace } from './trace.js';

const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const metrics = createMetrics('arena');
const seconds = metrics.meter.createHistogram('call_seconds', { unit: 's', description: 'Time of a call', advice: { explicitBucketBoundaries: [0.01, 1] } });

it('is what the header asks for', () => {
  expect(wantsOpenMetrics('application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3')).toBe(true);
  expect([undefined, '', 'text/plain', '*/*'].map(wantsOpenMetrics)).toEqual([false, false, false, false]);
});

it('has families without _total, units as words, exemplars on the buckets of what was measured in a trace, and an end', async () => {
  metrics.meter.createCounter('things_total', { unit: '{thing}', description: 'Things' }).add(2, { kind: 'a' });
  metrics.meter.createUpDownCounter('open_calls', { unit: '{call}', description: 'Open' }).add(1);
  const attributes = { rpc: 'a"b\\c', code: 'ok' };
  seconds.record(0.5, attributes);
  withTrace(TRACEPARENT, () => seconds.record(0.02, attributes));
  withTrace(TRACEPARENT.replace(/01$/, '00'), () => seconds.record(0.001, attributes));
  withTrace(TRACEPARENT, () => seconds.record(7));
  const text = await metrics.render(true);
  expect(text).toContain('# HELP things Things\n# TYPE things counter\nthings_total{kind="a",service_name="arena"} 2\n');
  expect(text).toContain('# HELP call_seconds Time of a call\n# UNIT call_seconds seconds\n# TYPE call_seconds histogram\n');
  const labels = 'rpc="a\\"b\\\\c",code="ok",service_name="arena"';
  const exemplar = (value: number): string => ` # {trace_id="${'a'.repeat(32)}",span_id="${'b'.repeat(16)}"} ${value}`;
  expect(text).toContain(`call_seconds_bucket{${labels},le="0.01"} 1\ncall_seconds_bucket{${labels},le="1.0"} 3${exemplar(0.02)}\ncall_seconds_bucket{${labels},le="+Inf"} 3\n`);
  expect(text).toContain(`call_seconds_bucket{service_name="arena",le="+Inf"} 1${exemplar(7)}\n`);
  expect(text).toContain('# UNIT open_calls calls\n# TYPE open_calls gauge\n');
  expect(text).toMatch(/\n# EOF\n$/);
  expect(text).not.toMatch(/\n\n|# no registered/);
});

it('is otherwise the text of before, without exemplars', async () => {
  const text = await metrics.render();
  expect(text).toContain('# TYPE things_total counter');
  expect(text).not.toMatch(/trace_id|EOF/);
});
