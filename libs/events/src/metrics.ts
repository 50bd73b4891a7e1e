import { metrics, type Counter, type Histogram, type ObservableGauge } from '@opentelemetry/api';

/** The store's instruments; made on first use, because a meter taken before telemetry boots stays silent. */
export interface EventMetrics {
  appendDuration: Histogram;
  appendConflicts: Counter;
  inboxDuplicates: Counter;
  jobFailures: Counter;
  timerFailures: Counter;
  lag: Record<'projection' | 'reactor' | 'publication', ObservableGauge>;
}

let made: EventMetrics | undefined;

/** The instruments of this process. */
export function eventMetrics(): EventMetrics {
  if (made) return made;
  const meter = metrics.getMeter('@skein/events');
  made = {
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
  };
  return made;
}
