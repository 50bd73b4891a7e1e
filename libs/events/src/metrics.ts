import { metrics, type Counter, type Histogram, type Meter, type ObservableGauge } from '@opentelemetry/api';
import type { Pool } from 'pg';

/** The store's instruments; made on first use, because a meter taken before telemetry boots stays silent. */
export interface EventMetrics {
  appendDuration: Histogram;
  appendConflicts: Counter;
  inboxDuplicates: Counter;
  jobFailures: Counter;
  timerFailures: Counter;
  lag: Record<'projection' | 'reactor' | 'publication', ObservableGauge>;
}

// By pool, because that is what everything of one service has in common: inbox, jobs and timers know no store.
const meters = new WeakMap<Pool, Meter>();
const made = new WeakMap<Meter, EventMetrics>();
let shared: EventMetrics | undefined;

/** From now on what happens over this pool is measured by this meter instead of the API's global one. */
export function measurePool(pool: Pool, meter: Meter): void {
  meters.set(pool, meter);
}

/** The meter of a store over this pool (`EventStoreOptions.meter`); undefined where it was given none. */
export const meterOf = (pool: Pool): Meter | undefined => meters.get(pool);

/** The instruments of this pool's service; those of the process where the pool has no meter of its own. */
export function eventMetrics(pool: Pool): EventMetrics {
  const meter = meters.get(pool);
  if (meter === undefined) return (shared ??= instrumentsOf(metrics.getMeter('@skein/events')));
  const known = made.get(meter) ?? instrumentsOf(meter);
  made.set(meter, known);
  return known;
}

const instrumentsOf = (meter: Meter): EventMetrics => ({
  appendDuration: meter.createHistogram('es_append_duration_seconds', { unit: 's' }),
  appendConflicts: meter.createCounter('es_append_conflicts_total'),
  inboxDuplicates: meter.createCounter('inbox_duplicates_total'),
  jobFailures: meter.createCounter('es_job_failures_total'),
  timerFailures: meter.createCounter('es_timer_failures_total'),
  lag: {
    projection: meter.createObservableGauge('es_projection_lag_events'),
    reactor: meter.createObservableGauge('es_reactor_lag_events'),
    publication: meter.createObservableGauge('relay_lag_events'),
  },
});
