import { readFileSync } from 'node:fs';
import { unwrap } from '@skein/kernel';
import { expect, test } from 'vitest';
import { aggregate } from './aggregate.js';
import type { RuleName } from './aggregate.js';
import { gramOf, squaredDistance } from './gram.js';
import { krumScores } from './rules/krum.js';
import { weiszfeld } from './rules/geometric-median.js';
import type { RuleParameters, ServerState } from './rules/rule.js';
import { combine, deltasOf, norm, normalised } from './vectors.js';
import type { ClientUpdate } from './vectors.js';

interface Tensors {
  readonly w: number[];
  readonly b: number[];
}
const golden = JSON.parse(readFileSync(new URL('../test/golden/federation.json', import.meta.url), 'utf8')) as {
  global: Tensors;
  clients: (Tensors & { num_examples: number })[];
  results: Record<string, unknown>;
  extra_reference_float64_not_flower: Record<string, number[]>;
  krumScalar: { points: number[]; f: number; scores: number[]; winner: number };
};
const flat = ({ w, b }: Tensors): Float64Array => Float64Array.from([...w, ...b]);
const global = flat(golden.global);
const all: ClientUpdate[] = golden.clients.map((client, i) => ({
  nodeId: `c${i}`,
  examples: client.num_examples,
  weights: flat(client),
}));
const good = all.slice(0, 6);
const close = (actual: ArrayLike<number>, expected: readonly number[], tolerance: number) => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, k) =>
    expect(Math.abs(actual[k]! - value), `coordinate ${k}: ${actual[k]} for ${value}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(value)),
    ),
  );
};
const run = (name: RuleName, updates: ClientUpdate[], parameters: RuleParameters = {}) =>
  unwrap(aggregate(name, { global, updates, parameters }));
const extra = golden.extra_reference_float64_not_flower;

test.each<[string, RuleName, ClientUpdate[], RuleParameters, number]>([
  ['FedAvg(all7)', 'fedavg', all, {}, 1e-6],
  ['FedAvg(good6)', 'fedavg', good, {}, 1e-6],
  ['FedMedian(all7)', 'median', all, {}, 1e-7],
  ['FedMedian(good6, even count)', 'median', good, {}, 1e-7],
  ['FedTrimmedAvg(beta=.2, all7)', 'trimmed_mean', all, { beta: 0.2 }, 1e-6],
  ['Krum(f=1, all7)', 'krum', all, { f: 1 }, 1e-7],
  ['MultiKrum(f=1,m=3, all7)', 'multi_krum', all, { f: 1, m: 3, weighted: 1 }, 1e-6],
])('%s', (key, name, updates, parameters, tolerance) => {
  close(run(name, updates, parameters).weights, [...flat((golden.results[key] as Tensors[])[0]!)], tolerance);
});

test.each<[string, RuleName, ClientUpdate[], RuleParameters]>([
  ['legacy aggregate(all7)', 'fedavg', all, {}],
  ['legacy krum f=1', 'krum', all, { f: 1 }],
  ['legacy multikrum f=1 m=3', 'multi_krum', all, { f: 1, m: 3, weighted: 1 }],
  ['bulyan, the paper\'s loop f=1 (normative)', 'bulyan', all, { f: 1 }],
])('%s', (key, name, updates, parameters) => {
  close(run(name, updates, parameters).weights, (golden.results[key] as number[][]).flat(), 1e-6);
});

test.each<[string, RuleName, RuleParameters]>([
  ['FedAdam(eta=.1,b1=.9,b2=.99,tau=1e-3) 3 rounds', 'fedadam', {}],
  ['FedYogi(eta=.01,b1=.9,b2=.99,tau=1e-3) 3 rounds', 'fedyogi', {}],
  ['FedAdagrad(eta=.1,tau=1e-3) 3 rounds', 'fedadagrad', {}],
  ['FedAvgM(lr=1,mom=.9) 3 rounds', 'fedavgm', {}],
])('%s', (key, name, parameters) => {
  const deltas = deltasOf(global, good);
  let weights = global;
  let state: ServerState | undefined;
  for (const expected of golden.results[key] as Tensors[]) {
    const updates = good.map((update, i) => ({ ...update, weights: combine(weights, [1], [deltas[i]!]) }));
    const next = unwrap(aggregate(name, { global: weights, updates, parameters, ...(state ? { state } : {}) }));
    close(next.weights, [...flat(expected)], 2e-6);
    weights = next.weights as Float64Array<ArrayBuffer>;
    state = next.state;
  }
});

test.each<[string, RuleName, ClientUpdate[], RuleParameters, number]>([
  ['geomed weighted nu=1e-6 converged (f64)', 'geometric_median', all, { weighted: 1 }, 1e-9],
  ['geomed uniform nu=1e-6 converged (f64)', 'geometric_median', all, {}, 1e-9],
  ['geomed weighted nu=1e-6, exactly 4 iterations', 'geometric_median', all, { weighted: 1, iterations: 4 }, 1e-9],
  ['norm clip S=1.0 uniform mean (no noise)', 'norm_clip', all, { clip: 1 }, 1e-12],
  [
    'FedBuff K=3 clients0,1,2 staleness 0,1,4 eta_g=1 divide-by-K',
    'fedbuff',
    all.slice(0, 3).map((update, i) => ({ ...update, staleness: [0, 1, 4][i]! })),
    {},
    1e-12,
  ],
  [
    'FedNova tau=1,2,3,4,5,6 (clients 0..5, p=n/sum n, no momentum)',
    'fednova',
    good.map((update, i) => ({ ...update, localSteps: i + 1 })),
    {},
    1e-12,
  ],
])('%s', (key, name, updates, parameters, tolerance) => {
  close(run(name, updates, parameters).weights, extra[key]!, tolerance);
});

test('FLTrust root=client0 update', () => {
  const result = unwrap(aggregate('fltrust', { global, updates: all.slice(1), root: all[0]!.weights }));
  close(result.weights, extra['FLTrust root=client0 update']!, 1e-12);
});

test('update norms', () => {
  close(deltasOf(global, all).map(norm), extra['update norms']!, 1e-12);
});

test('squared distances on centred updates are those of the direct computation, with an exact zero diagonal', () => {
  const gram = gramOf(deltasOf(global, all));
  (golden.results['sq distances (legacy)'] as number[][]).forEach((row, i) => {
    close(row.map((_, j) => squaredDistance(gram, i, j)), row, 1e-5);
    expect(squaredDistance(gram, i, i)).toBe(0);
  });
});

test('krum over scalars never counts a vector as its own nearest', () => {
  const { points, f, scores, winner } = golden.krumScalar;
  const gram = gramOf(points.map((point) => Float64Array.of(point)));
  const computed = krumScores(gram, points.map((_, i) => i), points.length - f - 2);
  close(computed, scores, 1e-9);
  expect(points[computed.indexOf(Math.min(...computed))]).toBe(winner);
});

test('weiszfeld starts at the weighted mean', () => {
  const weights = all.map((update) => update.examples);
  expect(weiszfeld(gramOf(deltasOf(global, all)), weights, 1e-6, 0)).toEqual(normalised(weights));
});
