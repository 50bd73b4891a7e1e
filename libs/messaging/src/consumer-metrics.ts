import { metrics, type Attributes, type Meter, type ObservableResult } from '@opentelemetry/api';
import type { EventLog } from './event-log.js';

/** What the metrics ask of a consumer at collection time. */
export interface ConsumerGauges {
  readonly log: EventLog;
  readonly group: string;
  readonly topics: readonly string[];
  halted(): boolean;
  /** Seconds since the first failure of each partition that is being retried. */
  retrying(): readonly { readonly topic: string; readonly partition: number; readonly seconds: number }[];
}

/** A consumer group's instruments. Counters carry group and topic, gauges also the partition. */
export class ConsumerMetrics {
  readonly #messages;
  readonly #deadLetters;
  readonly #stop: () => void;

  constructor(gauges: ConsumerGauges, meter: Meter = metrics.getMeter('skein')) {
    this.#messages = meter.createCounter('consumer_messages_total', { unit: '{message}', description: 'Messages by outcome' });
    this.#deadLetters = meter.createCounter('dead_letters_total', { unit: '{message}', description: 'Messages parked as dead letters' });
    const { group } = gauges;
    for (const topic of gauges.topics) this.#deadLetters.add(0, { group, topic });
    const observe = (name: string, unit: string, description: string, callback: (result: ObservableResult) => void | Promise<void>) => {
      const gauge = meter.createObservableGauge(name, { unit, description });
      gauge.addCallback(callback);
      return () => gauge.removeCallback(callback);
    };
    const undo = [
      observe('consumer_lag_events', '{event}', 'Messages not yet processed', async (result) => {
        for (const { topic, partition, lag } of await gauges.log.lag(group)) result.observe(Number(lag), { group, topic, partition });
      }),
      observe('consumer_retrying_seconds', 's', 'Time since a partition has begun to repeat a retriable failure', (result) => {
        for (const { topic, partition, seconds } of gauges.retrying()) result.observe(seconds, { group, topic, partition });
      }),
      observe('consumer_halted', '1', '1 when a poisoned message has stopped the group', (result) => result.observe(gauges.halted() ? 1 : 0, { group })),
    ];
    this.#stop = () => undo.forEach((remove) => remove());
  }

  count(outcome: 'done' | 'ignored' | 'retried' | 'parked' | 'discarded' | 'halted', attributes: Attributes): void {
    this.#messages.add(1, { ...attributes, outcome });
    if (outcome === 'parked') this.#deadLetters.add(1, attributes);
  }

  stop(): void {
    this.#stop();
  }
}
