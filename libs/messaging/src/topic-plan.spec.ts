import { expect, test } from 'vitest';
import type { EventLog, TopicSpec } from './event-log.js';
import { applyTopics, planTopics } from './topic-plan.js';

const spec = (topic: string, partitions = 4, retention: TopicSpec['retention'] = 'infinite'): TopicSpec => ({ topic, partitions, retention });

function logOf(...topics: TopicSpec[]): { log: EventLog; created: TopicSpec[] } {
  const created: TopicSpec[] = [];
  const unused = (): never => {
    throw new Error('not asked for');
  };
  return { created, log: { send: unused, consume: unused, lag: unused, close: unused, topics: async () => topics, createTopics: async (specs) => void created.push(...specs) } };
}

test('names what has to be done with each topic, in the order of the manifest, and topics of others', async () => {
  const { log, created } = logOf(spec('a'), spec('b', 4, 'compact'), spec('c', 2), spec('z'));
  expect(await planTopics(log, [spec('d', 1), spec('c'), spec('b'), spec('a')])).toEqual([
    { topic: 'd', action: 'create', detail: '1 partitions, infinite' },
    { topic: 'c', action: 'conflict', detail: 'has 2 partitions for ever, the manifest says 4' },
    { topic: 'b', action: 'alter', detail: 'retention compact → infinite' },
    { topic: 'a', action: 'unchanged', detail: '4 partitions, infinite' },
    { topic: 'z', action: 'unmanaged', detail: '4 partitions, infinite' },
  ]);
  expect(created).toEqual([]);
});

test('makes nothing where one is in conflict, and nothing where nothing is to do', async () => {
  const conflict = logOf(spec('c', 2));
  await expect(applyTopics(conflict.log, [spec('a'), spec('c')])).rejects.toMatchObject({ rejection: { rule: 'topic-conflict', message: expect.stringContaining('topic c has 2 partitions') } });
  const same = logOf(spec('a'));
  expect(await applyTopics(same.log, [spec('a')])).toMatchObject([{ action: 'unchanged' }]);
  expect([conflict.created, same.created]).toEqual([[], []]);
});

test('makes what is missing', async () => {
  const { log, created } = logOf(spec('a'));
  expect(await applyTopics(log, [spec('a'), spec('b')])).toMatchObject([{ action: 'unchanged' }, { action: 'create' }]);
  expect(created.map(({ topic }) => topic)).toContain('b');
});

test('a log that cannot tell its topics is refused by name', async () => {
  const { topics: _, ...log } = logOf().log;
  await expect(planTopics(log, [])).rejects.toMatchObject({ rejection: { rule: 'topics-unknown' } });
});
