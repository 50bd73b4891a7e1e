import { columnMoments, selectRows } from '@skein/models';
import { describe, expect, test } from 'vitest';
import { benchFederation, benchSeed } from './federation.js';
import { pimaRows, standardised } from '../data/baselines.js';
import { dirichlet, storyRandom, storySplit, STORY_SIZES } from '../data/story-split.js';

const dataset = pimaRows();
const countOf = (rows: readonly number[], label: number): number => rows.filter((row) => dataset.labels[row] === label).length;

describe('the split', () => {
  test.each([0, 1, 2, 3])('seed %i gives every row to exactly one hand', (seed) => {
    const split = storySplit(dataset, seed);
    const rows = [split.test, split.public, ...split.hidden, ...split.hospitals, ...split.laboratories, split.saboteur].flat();
    expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: dataset.rows }, (_, row) => row));
  });

  test('sizes and balance are the recipe\'s', () => {
    const split = storySplit(dataset, 7);
    expect(split.test).toHaveLength(Math.round(dataset.rows * STORY_SIZES.testShare));
    expect(countOf(split.test, 1)).toBe(Math.round(268 * 0.2));
    for (const rows of [split.public, ...split.laboratories, split.saboteur]) expect([countOf(rows, 0), countOf(rows, 1)]).toEqual([20, 20]);
    for (const rows of split.hospitals) expect(rows.length).toBeGreaterThanOrEqual(10);
  });

  test('the same seed gives the same split, another seed another one', () => {
    expect(storySplit(dataset, 1)).toEqual(storySplit(dataset, 1));
    expect(storySplit(dataset, 1).test).not.toEqual(storySplit(dataset, 2).test);
  });

  test('Dirichlet shares sum to one and have the distribution\'s mean and variance', () => {
    const rng = storyRandom(1, 'dirichlet');
    const draws = Array.from({ length: 4_000 }, () => dirichlet(rng, 0.3, 3));
    expect(draws.every((shares) => Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-12)).toBe(true);
    const first = draws.map(([share]) => share!);
    const mean = first.reduce((a, b) => a + b) / first.length;
    const variance = first.reduce((sum, share) => sum + (share - mean) ** 2, 0) / first.length;
    expect(mean).toBeCloseTo(1 / 3, 1);
    expect(variance).toBeCloseTo((1 / 3) * (2 / 3) / (0.9 + 1), 1);
  });
});

test('fixed moments standardise the rows they were taken from', () => {
  const rows = selectRows(dataset, storySplit(dataset, 0).public);
  const scaled = standardised(rows, columnMoments(rows));
  const first = Array.from({ length: rows.rows }, (_, row) => scaled.features[row * 8]!);
  expect(first.reduce((a, b) => a + b) / rows.rows).toBeCloseTo(0, 5);
});

test('one seed is repeatable to the last bit', () => {
  expect(benchSeed(dataset, 4)).toEqual(benchSeed(dataset, 4));
});

test('over seeds 0 to 29 federation learns what the issue asks, and no sabotaged round is accepted', () => {
  const figures = benchFederation(30);
  expect(figures.bySeed).toHaveLength(30);
  expect(figures.federated).toBeGreaterThanOrEqual(figures.alone + 0.05);
  expect(figures.federated).toBeGreaterThanOrEqual(figures.pooled - 0.03);
  expect(figures.federated).toBeGreaterThanOrEqual(figures.winner);
  expect(figures.sabotagedAccepted).toBe(0);
  expect(figures.bySeed.every(({ rounds }) => rounds.length === 12)).toBe(true);
  expect(figures.bySeed.flatMap(({ slashed }) => slashed).every(({ honest }) => !honest)).toBe(true);
  expect(figures.bySeed.every(({ rounds }) => rounds.filter(({ sabotaged }) => sabotaged).length === 1)).toBe(true);
});
