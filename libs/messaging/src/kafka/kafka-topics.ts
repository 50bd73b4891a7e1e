import type { Lag, TopicSpec, TopicState } from '../event-log.js';
import { BATCH_BYTES_MAX } from './kafka-options.js';

/** A topic's settings as a broker tells them. */
export type Configuration = ReadonlyMap<string, string>;

/**
 * Settings of a topic as the manifest means them. New groups read from the beginning, so nothing expires; a message's time is
 * the decision's and comes from a database, whose clock the broker must not judge.
 */
export const topicSettings = ({ retention }: TopicSpec): Record<string, string> => ({
  'cleanup.policy': retention === 'compact' ? 'compact' : 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': String(BATCH_BYTES_MAX),
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.after.max.ms': '9223372036854775807',
});

/** Which topics have to be made and which are there; another partition count is an error. */
export function sortTopics(actual: ReadonlyMap<string, number>, specs: readonly TopicSpec[]): { missing: TopicSpec[]; existing: TopicSpec[] } {
  const [missing, existing]: [TopicSpec[], TopicSpec[]] = [[], []];
  for (const spec of specs) {
    const partitions = actual.get(spec.topic);
    if (partitions !== undefined && partitions !== spec.partitions) throw new Error(`topic ${spec.topic} has ${partitions} partitions for ever, not ${spec.partitions}`);
    (partitions === undefined ? missing : existing).push(spec);
  }
  return { missing, existing };
}

/** Topics whose settings are not as the manifest means them. */
export const drifted = (specs: readonly TopicSpec[], configurations: ReadonlyMap<string, Configuration>): TopicSpec[] =>
  specs.filter((spec) => Object.entries(topicSettings(spec)).some(([name, value]) => configurations.get(spec.topic)?.get(name) !== value));

function retentionOf(configuration: Configuration | undefined): TopicState['retention'] {
  if (configuration?.get('cleanup.policy')?.split(',').includes('compact')) return configuration.get('cleanup.policy') === 'compact' ? 'compact' : 'expiring';
  return configuration?.get('retention.ms') === '-1' && configuration.get('retention.bytes') === '-1' ? 'infinite' : 'expiring';
}

/** The topics with what they keep, without the broker's own. */
export async function topicStates(partitions: ReadonlyMap<string, number>, describe: (names: readonly string[]) => Promise<ReadonlyMap<string, Configuration>>): Promise<TopicState[]> {
  const names = [...partitions.keys()].filter((name) => !name.startsWith('__')).sort();
  const configurations = await describe(names);
  return names.map((topic) => ({ topic, partitions: partitions.get(topic) ?? 0, retention: retentionOf(configurations.get(topic)) }));
}

/** How far `committed` is behind `head`. */
export function lagOf(topic: string, partition: number, committed: bigint, known: bigint | undefined): Lag {
  const head = known ?? committed;
  return { topic, partition, committed, head, lag: head > committed ? head - committed : 0n };
}
