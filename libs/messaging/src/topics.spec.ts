import { describe, expect, it } from 'vitest';
import { loadTopics, parseTopics } from './topics.js';

describe('topics manifest', () => {
  it('holds the topics of the design, with counts that must never change', async () => {
    expect(Object.fromEntries((await loadTopics()).map(({ topic, partitions, retention }) => [topic, `${partitions} ${retention}`]))).toEqual({
      'arena.task.v1': '6 infinite',
      'arena.submission.v1': '12 infinite',
      'arena.reward.v1': '6 infinite',
      'arena.case.v1': '6 infinite',
      'validation.verdict.v1': '12 infinite',
      'federation.round.v1': '12 infinite',
      'staking.position.v1': '6 infinite',
      'staking.reconciliation.v1': '1 infinite',
      'marketplace.model-version.v1': '6 infinite',
      'marketplace.price.v1': '6 infinite',
      'marketplace.usage.v1': '12 infinite',
      'billing.ledger.v1': '12 infinite',
      'billing.payout.v1': '6 infinite',
      'billing.entitlement.v1': '6 infinite',
      'billing.party.v1': '6 infinite',
    });
  });

  it('reads comments and empty lines', () => {
    const line = '  - { topic: a.b-c.v1, partitions: 3, retention: compact }';
    expect(parseTopics(`# head\ntopics:\n\n${line} # why\n`)).toEqual([{ topic: 'a.b-c.v1', partitions: 3, retention: 'compact' }]);
  });

  it.each([
    ['another shape', '  - topic: a', 'line 1'],
    ['an unknown retention', '  - { topic: a, partitions: 1, retention: short }', 'line 1'],
    ['a topic twice', '  - { topic: a, partitions: 1, retention: compact }\n  - { topic: a, partitions: 2, retention: compact }', 'line 2: a is there twice'],
  ])('refuses %s and names the line', (_, yaml, message) => expect(() => parseTopics(yaml)).toThrow(message));
});
