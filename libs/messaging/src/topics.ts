import { readFile } from 'node:fs/promises';
import type { TopicSpec } from './event-log.js';

/** The manifest of all topics. */
export const topicsManifest = new URL('../../../proto/topics.yaml', import.meta.url);

const ENTRY = /^ {2}- \{ topic: ([a-z0-9.-]+), partitions: (\d+), retention: (infinite|compact) \}$/;

/** Reads the manifest: `topics:` and one flow mapping per line; anything else but comments is an error with its line. */
export function parseTopics(yaml: string): TopicSpec[] {
  const specs: TopicSpec[] = [];
  for (const [at, raw] of yaml.split('\n').entries()) {
    const line = raw.replace(/\s*#.*$/, '').trimEnd();
    if (line === '' || line === 'topics:') continue;
    const match = ENTRY.exec(line);
    if (match === null) throw new Error(`topics manifest, line ${at + 1}: expected "  - { topic: …, partitions: N, retention: infinite|compact }"`);
    const [, topic, partitions, retention] = match;
    if (specs.some((spec) => spec.topic === topic)) throw new Error(`topics manifest, line ${at + 1}: ${topic} is there twice`);
    specs.push({ topic: topic!, partitions: Number(partitions), retention: retention as TopicSpec['retention'] });
  }
  return specs;
}

/** The topics of the committed manifest, for `EventLog.createTopics`. */
export async function loadTopics(manifest: URL = topicsManifest): Promise<TopicSpec[]> {
  return parseTopics(await readFile(manifest, 'utf8'));
}
