import { sha256Hex } from '@skein/kernel';
import { perceptronOnnx } from '@skein/models';
import { eventually } from '@skein/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endless } from '../test/graphs.js';
import { floatTensor, RunnerPool, type RunnerCaller } from './index.js';

const model = perceptronOnnx({ layers: [{ inputs: 2, outputs: 1, weights: [1, -1], bias: [0] }], output: 'sigmoid' });
const forever = endless();
const inputs = [floatTensor('x', [1, 2], [3, 1])];
let pool: RunnerPool;
beforeEach(() => {
  pool = new RunnerPool({ pooledMax: 1, freshMax: 1, waitingMax: 3, limits: { timeMsMax: 20_000 } });
});
afterEach(() => pool.stop());

const infer = (bytes: Uint8Array, caller: RunnerCaller = {}) => pool.infer({ modelKey: sha256Hex(bytes), model: bytes, inputs, ...caller });
const rule = (result: { ok: boolean; error?: { rule: string } }): string => result.error?.rule ?? 'ok';
/** One process is at work, in vain. */
async function busy(): Promise<{ end: AbortController; answer: ReturnType<typeof infer>; pid: number }> {
  expect(rule(await infer(model))).toBe('ok');
  const end = new AbortController();
  const answer = infer(forever, { tenant: 'noisy', signal: end.signal });
  const [pid] = pool.pids();
  // The process that is idle is asked without any real waiting in between.
  for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
  return { end, answer, pid: pid! };
}

describe('a caller that gives up', () => {
  it('before the start reaches no process', async () => {
    expect(rule(await infer(model, { signal: AbortSignal.abort() }))).toBe('aborted');
    expect(pool.pids()).toEqual([]);
  });

  it('while waiting never gets a process', async () => {
    const { end, answer } = await busy();
    const waiting = new AbortController();
    const second = infer(forever, { signal: waiting.signal });
    waiting.abort();
    expect(rule(await second)).toBe('aborted');
    end.abort();
    expect(rule(await answer)).toBe('aborted');
    expect(rule(await infer(model))).toBe('ok');
  });

  it('during a run is answered at once, and what would not end is killed', async () => {
    const { end, answer, pid } = await busy();
    end.abort();
    expect(rule(await answer)).toBe('aborted');
    await eventually(() => expect(pool.pids()).not.toContain(pid));
    expect(rule(await infer(model))).toBe('ok');
  });

  it('during a short run does not cost the process', async () => {
    expect(rule(await infer(model))).toBe('ok');
    const [pid] = pool.pids();
    const end = new AbortController();
    const answer = infer(model, { signal: end.signal });
    for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
    end.abort();
    expect(rule(await answer)).toBe('aborted');
    expect(rule(await infer(model))).toBe('ok');
    expect(pool.pids()).toEqual([pid]);
  });

  it('during a run in a process of its own kills it', async () => {
    const end = new AbortController();
    const answer = pool.infer({ modelKey: 'f', model: forever, inputs, fresh: true, signal: end.signal });
    await eventually(() => expect(pool.pids()).toHaveLength(1));
    end.abort();
    expect(rule(await answer)).toBe('aborted');
    await eventually(() => expect(pool.pids()).toEqual([]));
  });
});

describe('callers that wait', () => {
  it('are bounded, and refused with a time', async () => {
    const { end, answer } = await busy();
    const waiting = [1, 2, 3].map(() => infer(model, { tenant: 'noisy' }));
    expect(await infer(model, { tenant: 'noisy' })).toMatchObject({ ok: false, error: { code: 'resource-exhausted', rule: 'runner-busy', retriable: true, retryAfterMs: expect.any(Number) } });
    end.abort();
    await answer;
    expect((await Promise.all(waiting)).map(rule)).toEqual(['ok', 'ok', 'ok']);
  });

  it('have fair turns between tenants', async () => {
    const { end, answer } = await busy();
    const order: string[] = [];
    const visit = async (tenant: string): Promise<void> => {
      const outcome = rule(await infer(model, { tenant }));
      order.push(outcome === 'ok' ? tenant : outcome);
    };
    const waiting = ['noisy', 'noisy', 'noisy', 'quiet'].map(visit);
    end.abort();
    await Promise.all([answer, ...waiting]);
    expect(order).toEqual(['runner-busy', 'noisy', 'quiet', 'noisy']);
  });
});
