import { sha256Hex } from '@skein/kernel';
import { admit, type Dataset, perceptronOnnx, type TaskSchema } from '@skein/models';
import { afterAll, describe, expect, it } from 'vitest';
import { mutationsOf } from '../../models/test/mutations.js';
import { floatTensor, RunnerPool } from './index.js';

const pool = new RunnerPool({ waitingMax: 10_000, limits: { timeMsMax: 5_000 } });
afterAll(() => pool.stop());

const layer = (inputs: number, outputs: number) => ({ inputs, outputs, weights: new Array<number>(inputs * outputs).fill(0.5), bias: new Array<number>(outputs).fill(0) });
const valid = perceptronOnnx({ layers: [layer(3, 4), layer(4, 1)], output: 'sigmoid', standardise: { mean: [1, 2, 3], scale: [1, 1, 1] } });
const schema: TaskSchema = { input: { name: 'x', elementType: 'float', shape: [3] }, output: { name: 'scores', elementType: 'float', shape: [1] } };
const dataset: Dataset = { columns: ['a', 'b', 'c'], rows: 8, features: Float32Array.from({ length: 24 }, (_, i) => i / 4), labels: Float32Array.from({ length: 8 }, (_, i) => i % 2) };

/** What may become of a run: a value, or one of the refusals that the runner has names for. */
const OUTCOMES = ['ok', 'runner-died', 'runner-memory', 'runner-time', 'runner-output', 'model-load', 'model-run', 'input-names', 'output-shape', 'output-type', 'score-undefined'];

const infer = (model: Uint8Array) => pool.infer({ modelKey: sha256Hex(model), model, inputs: [floatTensor('x', [2, 3], [1, 2, 3, 4, 5, 6])] });
const score = (model: Uint8Array) => pool.score({ model, dataset, datasetSha256: '11'.repeat(32), metric: 'log-loss' });

/** Runs all of them, two at a time as the pool has slots, and counts how they end. */
async function outcomesOf(models: readonly Uint8Array[], run: (model: Uint8Array) => Promise<{ ok: true } | { ok: false; error: { rule: string } }>): Promise<Map<string, number>> {
  const results = await Promise.all(models.map(run));
  const rules = results.map((result) => (result.ok ? 'ok' : result.error.rule));
  return new Map([...new Set(rules)].map((rule) => [rule, rules.filter((one) => one === rule).length]));
}

describe('1 000 random mutations of a valid model', () => {
  const admitted = mutationsOf(valid, 1000).filter((bytes) => admit(bytes, schema).ok);

  it('leave enough that admission lets through', () => {
    expect(admitted.length).toBeGreaterThan(100);
  });

  it('all end as a value or a named refusal when served, and the pool serves on', async () => {
    const outcomes = await outcomesOf(admitted, infer);
    expect(OUTCOMES).toEqual(expect.arrayContaining([...outcomes.keys()]));
    expect(outcomes.get('ok')).toBeGreaterThan(50);
    expect((await infer(valid)).ok).toBe(true);
  });

  it('all end as a value or a named refusal when scored, each in a process of its own, and the pool scores on', async () => {
    const outcomes = await outcomesOf(admitted, score);
    expect(OUTCOMES).toEqual(expect.arrayContaining([...outcomes.keys()]));
    expect(outcomes.get('ok')).toBeGreaterThan(50);
    expect((await score(valid)).ok).toBe(true);
  });
});
