import type { Attributes, Histogram, Meter, MetricOptions } from '@opentelemetry/api';
import { currentTraceparent, parseTraceparent } from './trace.js';

/** One measurement that was made in a trace. */
interface Exemplar {
  readonly value: number;
  readonly traceparent: string;
}

/** The last exemplar of each bucket, by series. */
interface Kept {
  readonly bounds: readonly number[];
  readonly series: Map<string, (Exemplar | undefined)[]>;
}

/** Buckets of the SDK where an instrument names none of its own. */
const DEFAULT_BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

const escaped = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
const keyOf = (labels: readonly (readonly [string, string])[]): string => labels.map(([name, value]) => `${name}="${value}"`).sort().join();
const keyOfAttributes = (attributes: Attributes | undefined): string => (attributes === undefined ? '' : keyOf(Object.entries(attributes).map(([name, value]) => [name, escaped(value)])));

/**
 * Keeps the trace of the last measurement in each bucket of each histogram. The SDK has no exemplars, so histograms are made
 * through this, and the text is completed when somebody asks for OpenMetrics.
 */
export class Exemplars {
  readonly #kept = new Map<string, Kept>();

  /** The same meter; its histograms remember where they were measured. */
  over(meter: Meter): Meter {
    const watched = Object.create(meter) as Meter;
    watched.createHistogram = (name: string, options?: MetricOptions) => this.#watched(name, meter.createHistogram(name, options), options?.advice?.explicitBucketBoundaries ?? DEFAULT_BOUNDS);
    for (const method of ['createCounter', 'createGauge', 'createUpDownCounter', 'createObservableCounter', 'createObservableGauge', 'createObservableUpDownCounter', 'addBatchObservableCallback', 'removeBatchObservableCallback'] as const)
      Object.defineProperty(watched, method, { value: meter[method].bind(meter) });
    return watched;
  }

  #watched(name: string, histogram: Histogram, bounds: readonly number[]): Histogram {
    const kept = this.#kept.get(name) ?? { bounds, series: new Map() };
    this.#kept.set(name, kept);
    return {
      record: (value, attributes, context) => {
        histogram.record(value, attributes, context);
        const traceparent = currentTraceparent();
        if (traceparent === undefined || traceparent.endsWith('-00')) return;
        const key = keyOfAttributes(attributes);
        const buckets = kept.series.get(key) ?? new Array<Exemplar | undefined>(bounds.length + 1).fill(undefined);
        kept.series.set(key, buckets);
        const at = kept.bounds.findIndex((bound) => value <= bound);
        buckets[at === -1 ? kept.bounds.length : at] = { value, traceparent };
      },
    };
  }

  /** ` # {trace_id="…",span_id="…"} value` for a bucket's line; empty where nothing was measured in a trace. */
  of(name: string, labels: readonly (readonly [string, string])[], le: string): string {
    const kept = this.#kept.get(name);
    const at = le === '+Inf' ? kept?.bounds.length : kept?.bounds.indexOf(Number(le));
    const found = at === undefined ? undefined : kept?.series.get(keyOf(labels))?.[at];
    const ids = parseTraceparent(found?.traceparent);
    return found === undefined || ids === undefined ? '' : ` # {trace_id="${ids.traceId}",span_id="${ids.spanId}"} ${found.value}`;
  }
}
