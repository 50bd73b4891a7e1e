import fc from 'fast-check';
import { unwrap } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { aggregate, isRuleName, isStateful, RULE_NAMES, ruleParameters, updatesMin } from './aggregate.js';
import type { RuleName } from './aggregate.js';
import { fedproxGradient, scaffoldControl, scaffoldGradient } from './client-terms.js';
import { ROBUST_SCORE_MAX, robustScores } from './robust-score.js';
import type { ClientUpdate } from './vectors.js';

const WIDTH = 5;
const value = fc.double({ min: -100, max: 100, noNaN: true });
const updatesOf = (min: number): fc.Arbitrary<ClientUpdate[]> =>
  fc.array(fc.record({ weights: fc.array(value, { minLength: WIDTH, maxLength: WIDTH }), examples: fc.integer({ min: 1, max: 1_000 }) }), { minLength: min, maxLength: 12 }).map((rows) =>
    rows.map(({ weights, examples }, i) => ({ nodeId: `n${String(i).padStart(2, '0')}`, examples, weights: Float64Array.from(weights) })),
  );
const global = new Float64Array(WIDTH);
const root = Float64Array.from({ length: WIDTH }, (_, k) => k + 1);
const run = (name: RuleName, updates: readonly ClientUpdate[], parameters = {}) => unwrap(aggregate(name, { global, updates, parameters, root }));

describe.each(RULE_NAMES)('%s', (name) => {
  const enough = Math.max(1, updatesMin(name, unwrap(ruleParameters(name))));

  test('does not depend on the order in which updates came, bit for bit', () => {
    fc.assert(
      fc.property(updatesOf(enough), fc.nat(), (updates, turn) => {
        const at = turn % updates.length;
        const turned = [...updates.slice(at), ...updates.slice(0, at)].reverse();
        expect(run(name, turned).weights).toEqual(run(name, updates).weights);
      }),
      { numRuns: 40 },
    );
  });

  test('gives finite weights of the global length', () => {
    fc.assert(
      fc.property(updatesOf(enough), (updates) => {
        const { weights } = run(name, updates);
        expect(weights).toHaveLength(WIDTH);
        expect(weights.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

test.each<[RuleName, object]>([['median', {}], ['trimmed_mean', { beta: 0.3 }], ['krum', { f: 2 }], ['multi_krum', { f: 2 }], ['bulyan', { f: 2 }], ['geometric_median', {}]])(
  '%s withstands two attackers of eleven that send −10 × the update', (name, parameters) => {
    const honest = Array.from({ length: 9 }, (_, i): ClientUpdate => ({ nodeId: `h${i}`, examples: 10, weights: Float64Array.from({ length: WIDTH }, (_, k) => 1 + 0.01 * Math.sin(i * 7 + k)) }));
    const attackers = [0, 1].map((i): ClientUpdate => ({ nodeId: `a${i}`, examples: 1_000, weights: new Float64Array(WIDTH).fill(-10) }));
    for (const weight of run(name, [...honest, ...attackers], parameters).weights) expect(Math.abs(weight - 1)).toBeLessThan(0.05);
    expect(Math.abs(run('fedavg', [...honest, ...attackers]).weights[0]! - 1)).toBeGreaterThan(1);
  },
);

test('one update is returned as it is by every averaging rule', () => {
  const one: ClientUpdate[] = [{ nodeId: 'a', examples: 3, weights: Float64Array.from([1, 2, 3, 4, 5]) }];
  for (const name of ['fedavg', 'fedprox', 'fednova', 'fedbuff', 'scaffold', 'median', 'trimmed_mean', 'geometric_median'] as const)
    expect([...run(name, one).weights]).toEqual([1, 2, 3, 4, 5]);
});

test('ties of Krum go to the lower node id', () => {
  const updates = ['c', 'a', 'e', 'b', 'd'].map((nodeId): ClientUpdate => ({ nodeId, examples: 1, weights: Float64Array.from({ length: WIDTH }, () => 2) }));
  expect(run('krum', updates).selected).toEqual(['a']);
  expect(run('multi_krum', updates, { m: 2 }).selected).toEqual(['a', 'b']);
});

test('no trust keeps the current weights', () => {
  const against: ClientUpdate[] = [{ nodeId: 'a', examples: 1, weights: root.map((w) => -w) }, { nodeId: 'b', examples: 1, weights: new Float64Array(WIDTH) }];
  expect(run('fltrust', against)).toEqual({ weights: global, selected: [] });
});

test('scaffold moves the server\'s control variate by the participants\' share', () => {
  const updates = ['a', 'b'].map((nodeId): ClientUpdate => ({ nodeId, examples: 1, weights: root }));
  const controlDeltas = [root, root];
  const { state } = unwrap(aggregate('scaffold', { global, updates, controlDeltas, parameters: { population: 4 } }));
  expect([...state!.c!]).toEqual([...root].map((w) => w / 2));
});

test('client terms: the squared-norm form of FedProx and both forms of SCAFFOLD', () => {
  const of = (...values: number[]) => Float64Array.from(values);
  expect([...fedproxGradient(of(1, 1), of(3, 5), of(1, 1), 0.5)]).toEqual([2, 3]);
  expect([...scaffoldGradient(of(1, 1), of(0.25, 0.5), of(1, 1))]).toEqual([1.75, 1.5]);
  const control = scaffoldControl({ own: of(1), server: of(0.5), global: of(4), weights: of(2), steps: 4, learningRate: 0.5 });
  expect([...control]).toEqual([1 - 0.5 + 2 / 2]);
});

describe('what is refused', () => {
  const updates: ClientUpdate[] = [{ nodeId: 'a', examples: 1, weights: new Float64Array(WIDTH) }];
  test.each<[string, RuleName, Partial<Parameters<typeof aggregate>[1]>]>([
    ['aggregate-input', 'fedavg', { updates: [] }],
    ['aggregate-input', 'fedavg', { updates: [...updates, ...updates] }],
    ['aggregate-input', 'fedavg', { updates: [{ ...updates[0]!, weights: new Float64Array(2) }] }],
    ['aggregate-input', 'fedavg', { updates: [{ ...updates[0]!, examples: 0 }] }],
    ['aggregate-input', 'fedavg', { updates: [{ ...updates[0]!, weights: new Float64Array(WIDTH).fill(Number.NaN) }] }],
    ['aggregate-input', 'fltrust', {}],
    ['aggregate-too-few', 'krum', {}],
    ['aggregate-too-few', 'bulyan', {}],
    ['rule-parameter-unknown', 'fedavg', { parameters: { eta: 1 } }],
    ['rule-parameter-range', 'trimmed_mean', { parameters: { beta: 0.5 } }],
    ['rule-parameter-range', 'norm_clip', { parameters: { clip: Number.NaN } }],
  ])('%s by %s', (rule, name, change) => {
    expect(aggregate(name, { global, updates, ...change })).toMatchObject({ ok: false, error: { rule } });
  });

  test('names', () => {
    expect([isRuleName('fedavg'), isRuleName('magic'), isRuleName('toString')]).toEqual([true, false, false]);
    expect(RULE_NAMES.filter(isStateful)).toEqual(['fedavgm', 'fedadagrad', 'fedyogi', 'fedadam', 'scaffold']);
  });
});

describe('the robust score', () => {
  const at = (nodeId: string, x: number): ClientUpdate => ({ nodeId, examples: 1, weights: Float64Array.of(x, 0) });
  test('distance to the median ÷ the median of the distances', () => {
    expect(Object.fromEntries(robustScores([at('a', 0), at('b', 1), at('c', 21)]))).toEqual({ a: 1, b: 0, c: 20 });
  });
  test('0/0 is 1; beyond nothing it is the cap, which JSON can carry', () => {
    expect([...robustScores([at('a', 1), at('b', 1)]).values()]).toEqual([1, 1]);
    expect([...robustScores([at('a', 1), at('b', 1), at('c', 5)]).values()]).toEqual([1, 1, ROBUST_SCORE_MAX]);
    expect(robustScores([]).size).toBe(0);
  });
  test('does not depend on the order of updates', () => {
    fc.assert(
      fc.property(updatesOf(2), (updates) => {
        expect([...robustScores([...updates].reverse())]).toEqual([...robustScores(updates)]);
      }),
    );
  });
});
