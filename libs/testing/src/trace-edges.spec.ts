import { expect, it } from 'vitest';
import { compareEdges, loadTraceEdges, parseTraceEdges } from './trace-edges.js';

const MUST = [
  'staking-indexer→arena', 'staking-indexer→fl-aggregator', 'arena→validation', 'validation→arena', 'arena→billing', 'fl-aggregator→marketplace', 'marketplace→billing', 'billing→marketplace',
];

it('the committed list has every edge that the story cannot do without', () => {
  expect(loadTraceEdges().map(({ from, to }) => `${from}→${to}`)).toEqual(expect.arrayContaining(MUST));
});

it('reads edges with what makes them, and refuses anything else by its line', () => {
  expect(parseTraceEdges('# why\nedges:\n  - { from: a, to: b-c, by: [a.b.v1, skein.a.internal.v1.AService] } # so\n')).toEqual([{ from: 'a', to: 'b-c', by: ['a.b.v1', 'skein.a.internal.v1.AService'] }]);
  expect(() => parseTraceEdges('edges:\n  - { from: a, to: b }')).toThrow('line 2');
  expect(() => parseTraceEdges('  - { from: a, to: b, by: [x] }\n  - { from: a, to: b, by: [y] }')).toThrow('line 2: a → b is there twice');
});

it('tells what is missing and what is new', () => {
  const expected = parseTraceEdges('  - { from: a, to: b, by: [x] }\n  - { from: b, to: c, by: [x] }');
  expect(compareEdges([{ from: 'a', to: 'b', by: 'x', count: 3 }, { from: 'c', to: 'a', by: 'x', count: 1 }], expected)).toEqual({ missing: ['b→c by x'], unexpected: ['c→a by x'] });
  expect(compareEdges([{ from: 'b', to: 'c', by: 'x', count: 1 }, { from: 'a', to: 'b', by: 'x', count: 3 }], expected)).toEqual({ missing: [], unexpected: [] });
});

it('a topic whose context is lost is missing, though calls between the same services go on', () => {
  const calls = { from: 'marketplace', to: 'billing', by: 'skein.billing.internal.v1.CreditService', count: 9 };
  const expected = parseTraceEdges('  - { from: marketplace, to: billing, by: [marketplace.usage.v1, skein.billing.internal.v1.CreditService] }');
  expect(compareEdges([calls], expected)).toEqual({ missing: ['marketplace→billing by marketplace.usage.v1'], unexpected: [] });
  expect(compareEdges([calls, { ...calls, by: 'marketplace.usage.v1' }, { ...calls, by: 'skein.billing.internal.v1.OtherService' }], expected)).toEqual({ missing: [], unexpected: ['marketplace→billing by skein.billing.internal.v1.OtherService'] });
});
