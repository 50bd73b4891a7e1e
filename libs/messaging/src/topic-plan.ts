import { RejectionError } from '@skein/kernel';
import type { EventLog, TopicSpec, TopicState } from './event-log.js';

/** What stands between a topic of the manifest and the log's. */
export interface TopicChange {
  readonly topic: string;
  /** `conflict`: partitions are fixed once. `unmanaged`: the log has a topic that the manifest lacks; it is left alone. */
  readonly action: 'unchanged' | 'create' | 'alter' | 'conflict' | 'unmanaged';
  readonly detail: string;
}

const words = ({ partitions, retention }: TopicState): string => `${partitions} partitions, ${retention}`;

/** Compares the manifest with what the log has; changes nothing. */
export async function planTopics(log: EventLog, specs: readonly TopicSpec[]): Promise<TopicChange[]> {
  if (log.topics === undefined) throw new RejectionError({ code: 'failed-precondition', rule: 'topics-unknown', message: 'this event log does not tell its topics' });
  const actual = new Map((await log.topics()).map((spec) => [spec.topic, spec]));
  const changes = specs.map((spec): TopicChange => {
    const found = actual.get(spec.topic);
    actual.delete(spec.topic);
    if (found === undefined) return { topic: spec.topic, action: 'create', detail: words(spec) };
    if (found.partitions !== spec.partitions) return { topic: spec.topic, action: 'conflict', detail: `has ${found.partitions} partitions for ever, the manifest says ${spec.partitions}` };
    if (found.retention !== spec.retention) return { topic: spec.topic, action: 'alter', detail: `retention ${found.retention} → ${spec.retention}` };
    return { topic: spec.topic, action: 'unchanged', detail: words(spec) };
  });
  return [...changes, ...[...actual.values()].map((spec): TopicChange => ({ topic: spec.topic, action: 'unmanaged', detail: words(spec) }))];
}

/** Brings the log's topics to the manifest; refused as a whole, before anything is made, where one is in conflict. Returns what it did. */
export async function applyTopics(log: EventLog, specs: readonly TopicSpec[]): Promise<TopicChange[]> {
  const plan = await planTopics(log, specs);
  const conflict = plan.find(({ action }) => action === 'conflict');
  if (conflict !== undefined) throw new RejectionError({ code: 'failed-precondition', rule: 'topic-conflict', message: `topic ${conflict.topic} ${conflict.detail}`, field: 'topics' });
  if (plan.some(({ action }) => action === 'create' || action === 'alter')) await log.createTopics(specs);
  return plan;
}
