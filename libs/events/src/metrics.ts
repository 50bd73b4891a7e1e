import { metrics, type Counter, type Histogram, type Meter, type ObservableGauge } from '@opentelemetry/api';
import type { Pool } from 'pg';

/** The store's instruments; made on first use, because a meter taken before telemetry boots stays silent. */
export interface EventMetrics {
  appendDuration: Histogram;
  appendConflicts: Counter;
  inboxDuplicates: Counter;
  jobFailures: Counter;
  timerFailures: Counter;
  rebuildLag: ObservableGauge;
  retrying: ObservableGauge;
  purged: Counter;
  archived: Counter;
  lag: Record<'projection' | 'reactor' | 'publication', ObservableGauge>;
}

// By pool, because that is what everything of one service has in common: inbox, jobs and timers know no store.
const meters = new WeakMap<Pool, Meter>();
const made = new WeakMap<Meter, EventMetrics>();
let shared: EventMetrics | undefined;

/** From now on what happens over this pool is measured by this meter instead of the API's global one. */
export function measurePool(pool: Pool, meter: Meter): void {
  meters.set(pool, meter);
  // Shown as 0 from the beginning, so that the first one is a change.
  eventMetrics(pool).appendConflicts.add(0);
}

/** The meter of a store over this pool (`EventStoreOptions.meter`); undefined where it was given none. */
export const meterOf = (pool: Pool): Meter | undefined => meters.get(pool);

/** Shows a consumer's duplicates as 0 from the beginning, so that the first one is a change. */
export const showDuplicates = (pool: Pool, consumer: string): void => eventMetrics(pool).inboxDuplicates.add(0, { consumer });

/** The instruments of this pool's service; those of the process where the pool has no meter of its own. */
export function eventMetrics(pool: Pool): EventMetrics {
  const meter = meters.get(pool);
  if (meter === undefined) return (shared ??= instrumentsOf(metrics.getMeter('@skein/events')));
  const known = made.get(meter) ?? instrumentsOf(meter);
  made.set(meter, known);
  return known;
}

/** An append takes a fraction of a millisecond to some tens of them. */
const APPEND_SECONDS = [0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4];

const instrumentsOf = (meter: Meter): EventMetrics => ({
  appendDuration: meter.createHistogram('es_append_duration_seconds', {
    unit: 's', description: 'Time of one append: the round trip that writes events, key, inbox row, jobs and timers', advice: { explicitBucketBoundaries: APPEND_SECONDS },
  }),
  appendConflicts: meter.createCounter('es_append_conflicts_total', { unit: '{append}', description: 'Appends that found their stream at another version, and were decided again' }),
  inboxDuplicates: meter.createCounter('inbox_duplicates_total', { unit: '{message}', description: 'Messages delivered again that had taken effect before' }),
  jobFailures: meter.createCounter('es_job_failures_total', { unit: '{attempt}', description: 'Attempts of jobs that failed, by kind' }),
  timerFailures: meter.createCounter('es_timer_failures_total', { unit: '{attempt}', description: 'Attempts of timers that failed, by kind' }),
  rebuildLag: meter.createObservableGauge('es_rebuild_lag_events', { description: 'Events that a rebuild under way has still to apply', unit: '{event}' }),
  retrying: meter.createObservableGauge('es_subscription_retrying_seconds', { unit: 's', description: 'Since when a projection, reactor or publication has retried one failure; 0 while it delivers' }),
  purged: meter.createCounter('es_purged_rows_total', { unit: '{row}', description: 'Rows removed after their time, by what they were' }),
  archived: meter.createCounter('es_archived_events_total', { unit: '{event}', description: 'Events of closed streams moved into the archive' }),
  lag: {
    projection: meter.createObservableGauge('es_projection_lag_events', { unit: '{event}', description: 'Events that a read model is behind its log' }),
    reactor: meter.createObservableGauge('es_reactor_lag_events', { unit: '{event}', description: 'Events that a reactor is behind its log' }),
    publication: meter.createObservableGauge('relay_lag_events', { unit: '{event}', description: 'Events that a publication has not relayed to the event log' }),
  },
});
