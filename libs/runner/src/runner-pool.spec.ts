import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@skein/kernel';
import { type Dataset, floatInitializer, int64Initializer, node, parseOnnx, perceptronOnnx } from '@skein/models';
import { afterAll, describe, expect, it } from 'vitest';
import { RunnerProcess } from './runner-process.js';
import { endless, graph } from '../test/graphs.js';
import { doubleBits, floatTensor, isolationReport, RunnerPool, type ScoreRequest, toFloatTensor } from './index.js';

const pool = new RunnerPool({ limits: { timeMsMax: 20_000 } });
afterAll(() => pool.stop());

const model = perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: [1, -1], bias: [0] }], output: 'sigmoid' });
const dataset: Dataset = { columns: ['a', 'b'], rows: 600, features: Float32Array.from({ length: 1200 }, (_, i) => Math.sin(i * i)), labels: Float32Array.from({ length: 600 }, (_, i) => i % 2) };
const request: ScoreRequest = { model, dataset, datasetSha256: '11'.repeat(32), metric: 'log-loss' };
const rule = (result: { ok: boolean; error?: { rule: string } }): string | undefined => result.error?.rule;

/** Fills gigabytes with ones. */
const greedy = graph(
  [node('Expand', ['one', 'shape'], ['huge']), node('ReduceSum', ['huge'], ['sum'], { keepdims: 0n }), node('ReduceSum', ['x', 'axes'], ['rows'], { keepdims: 1n }), node('Add', ['rows', 'sum'], ['scores'])],
  [floatInitializer('one', [1], [1]), int64Initializer('shape', [3_000_000_000n]), int64Initializer('axes', [1n])],
);

describe('scores', () => {
  it('are computed in float64 with a manifest that repeats them bit for bit', async () => {
    const scored = await pool.score(request);
    if (!scored.ok) throw new Error(scored.error.rule);
    let expected = 0;
    for (let row = 0; row < 600; row++) {
      const score = 1 / (1 + Math.exp(-(dataset.features[2 * row]! - dataset.features[2 * row + 1]!)));
      expected -= Math.log(row % 2 === 1 ? score : 1 - score) / 600;
    }
    expect(scored.value.score).toBeCloseTo(expected, 6);
    const { manifest } = scored.value;
    expect(manifest).toEqual({
      artifactSha256: sha256Hex(model),
      datasetSha256: '11'.repeat(32),
      metric: 'log-loss',
      metricVersion: 1,
      runtime: 'onnxruntime-node 1.30.0',
      executionProvider: 'cpu',
      graphOptimisation: 'all',
      threads: 1,
      batchSize: 256,
      resultBits: doubleBits(scored.value.score),
      result: scored.value.score,
    });
    expect(await pool.replay(manifest, request)).toEqual({ ok: true, value: { bitEqual: true, result: scored.value.score } });
    expect(await pool.replay({ ...manifest, batchSize: 7, threads: 2 }, request)).toMatchObject({ value: { bitEqual: true } });
    expect(await pool.replay({ ...manifest, resultBits: doubleBits(0.5) }, request)).toMatchObject({ value: { bitEqual: false } });
    expect(rule(await pool.replay(manifest, { ...request, model: greedy }))).toBe('artifact-hash');
    expect(rule(await pool.replay(manifest, { ...request, datasetSha256: '22'.repeat(32) }))).toBe('dataset-hash');
  });

  it('are refused for what is no model, for wrong shapes, and where the metric has no value', async () => {
    expect(rule(await pool.score({ ...request, model: Uint8Array.of(1, 2, 3) }))).toBe('model-load');
    expect(rule(await pool.score({ ...request, dataset: { ...dataset, columns: ['a', 'b', 'c'], rows: 400, labels: dataset.labels.slice(0, 400) } }))).toBe('model-run');
    expect(rule(await pool.score({ ...request, model: graph([node('ReduceSum', ['x'], ['scores'], { keepdims: 1n })]) }))).toBe('output-shape');
    expect(rule(await pool.score({ ...request, metric: 'auc', dataset: { ...dataset, labels: dataset.labels.map(() => 1) } }))).toBe('score-undefined');
  });
});

describe('bounds', () => {
  it('kill a model that eats memory, and one that eats time', async () => {
    const memory = await pool.score({ ...request, model: greedy, limits: { memoryMiBMax: 300 } });
    expect(rule(memory)).toBe('runner-memory');
    const time = await pool.score({ ...request, model: endless(), limits: { timeMsMax: 400 } });
    expect(rule(time)).toBe('runner-time');
    expect(pool.pids()).toEqual([]);
  });

  it('kill what answers too much, and what is given up', async () => {
    expect(rule(await pool.score({ ...request, limits: { outputBytesMax: 600 } }))).toBe('runner-output');
    const giveUp = new AbortController();
    const running = pool.score({ ...request, model: endless(), signal: giveUp.signal });
    giveUp.abort();
    expect(rule(await running)).toBe('aborted');
    expect(rule(await pool.score({ ...request, signal: giveUp.signal }))).toBe('aborted');
  });

  it('leave other work of the pool alone', async () => {
    const infer = (bytes: Uint8Array) => pool.infer({ modelKey: sha256Hex(bytes), model: bytes, inputs: [floatTensor('x', [1, 2], [3, 1])], limits: { timeMsMax: 400 } });
    const [killed, served] = await Promise.all([infer(endless()), infer(model)]);
    expect(rule(killed)).toBe('runner-time');
    if (!served.ok) throw new Error(served.error.rule);
    expect(toFloatTensor(served.value.outputs[0]!).values[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(served.value.computeMs).toBeGreaterThan(0);
    expect((await infer(model)).ok).toBe(true);
  });
});

describe('serving', () => {
  it('refuses wrong inputs by name and goes on with the same process', async () => {
    const infer = (inputs: ReturnType<typeof floatTensor>[]) => pool.infer({ modelKey: 'm', model, inputs });
    expect((await infer([floatTensor('x', [1, 2], [1, 1])])).ok).toBe(true);
    const before = pool.pids();
    expect(rule(await infer([floatTensor('y', [1, 2], [1, 1])]))).toBe('input-names');
    expect(rule(await infer([floatTensor('x', [1, 3], [1, 1, 1])]))).toBe('model-run');
    expect(rule(await infer([{ ...floatTensor('x', [1, 2], [1, 1]), elementType: 'int32' }]))).toBe('model-run');
    expect((await infer([floatTensor('x', [2, 2], [1, 1, 2, 2])])).ok).toBe(true);
    expect(pool.pids()).toEqual(before);
  });

  it('keeps only so many models loaded and loads forgotten ones again', async () => {
    const small = new RunnerPool({ pooledMax: 1, modelsPerProcess: 2 });
    for (const key of ['a', 'b', 'c', 'a', 'a', 'b']) {
      expect((await small.infer({ modelKey: key, model, inputs: [floatTensor('x', [1, 2], [1, 1])] })).ok).toBe(true);
    }
    expect(small.pids()).toHaveLength(1);
    await small.stop();
    expect(rule(await small.infer({ modelKey: 'a', model, inputs: [] }))).toBe('runner-start');
  });
});

/** Where ONNX Runtime would leave its device id; other processes write to shared folders, so only these are compared. */
const listing = (): string[] => [homedir(), join(homedir(), '.cache'), join(homedir(), '.config')].flatMap((folder) => (existsSync(folder) ? readdirSync(folder).filter((name) => /onnx|ort|microsoft|device/i.test(name)) : []));

describe('isolation', () => {
  it('opens no socket, sees no network and no environment, and writes nothing', async () => {
    const before = listing();
    const started = await RunnerProcess.start();
    if (!started.ok) throw new Error(started.error.rule);
    const runner = started.value;
    const sockets = () => readdirSync(`/proc/${runner.pid}/fd`).filter((fd) => Number(fd) > 2 && readlinkSync(`/proc/${runner.pid}/fd/${fd}`).startsWith('socket:'));
    const report = await isolationReport();
    const answer = await runner.request({ header: { op: 'score', key: 'k', model: { offset: 0, length: model.length }, profile: { graphOptimisation: 'all', threads: 1, batchSize: 8 }, inputs: [{ name: '', elementType: 'float', dims: [1, 2], offset: model.length, length: 8 }] }, body: new Uint8Array([...model, 0, 0, 0, 0, 0, 0, 0, 0]) }, { memoryMiBMax: 512, timeMsMax: 10_000, outputBytesMax: 1000 });
    expect(answer.ok).toBe(true);
    expect(sockets()).toEqual([]);
    if (report.networkNamespace) {
      for (const table of ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'unix']) {
        const path = `/proc/${runner.pid}/net/${table}`;
        if (existsSync(path)) expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1);
      }
      expect(readFileSync(`/proc/${runner.pid}/net/dev`, 'utf8')).not.toMatch(/eth|ens|veth/);
    }
    const environment = readFileSync(`/proc/${runner.pid}/environ`, 'utf8').split('\0').filter((line) => line !== '');
    expect(environment.sort()).toEqual([`HOME=${runner.folder}`, 'ORT_DISABLE_TELEMETRY=1']);
    expect(readlinkSync(`/proc/${runner.pid}/cwd`)).toBe(runner.folder);
    expect(readdirSync(runner.folder)).toEqual([]);
    expect(readFileSync(`/proc/${runner.pid}/io`, 'utf8')).toMatch(/^write_bytes: 0$/m);
    if (report.noPrivileges) expect(readFileSync(`/proc/${runner.pid}/status`, 'utf8')).toMatch(/^CapEff:\s+0+$/m);
    if (report.noFileWrites) expect(readFileSync(`/proc/${runner.pid}/limits`, 'utf8')).toMatch(/^Max file size\s+0\s+0/m);
    const { folder } = runner;
    await runner.stop();
    expect(existsSync(folder)).toBe(false);
    expect(listing()).toEqual(before);
  });

  it('says in words what the system does not allow', async () => {
    const report = await isolationReport();
    const shields = [report.networkNamespace, report.noPrivileges, report.noFileWrites, report.diesWithParent, report.memoryWatch];
    expect(report.missing).toHaveLength(shields.filter((given) => !given).length);
  });
});

describe('mutated models that admission lets through', () => {
  it('never bring the pool down', async () => {
    const outcomes = new Map<string, number>();
    for (let at = 0; at < model.length; at++) {
      const bytes = model.slice();
      bytes[at]! ^= 1 << (at % 8);
      if (!parseOnnx(bytes).ok) continue;
      const result = await pool.infer({ modelKey: `flip-${at}`, model: bytes, inputs: [floatTensor('x', [1, 2], [1, 2])], limits: { timeMsMax: 5_000 } });
      const outcome = rule(result) ?? 'ok';
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()].every((name) => ['ok', 'model-load', 'model-run', 'input-names', 'output-type', 'runner-died'].includes(name))).toBe(true);
    expect(outcomes.get('ok')).toBeGreaterThan(10);
    expect((await pool.score(request)).ok).toBe(true);
  });
});
