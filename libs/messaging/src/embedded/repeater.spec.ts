import { describe, expect, it } from 'vitest';
import { Repeater } from './repeater.js';

const NEVER_MS = 2 ** 30;

describe('Repeater', () => {
  it('never runs twice at a time and answers every demand by a run that began after it', async () => {
    const runs: PromiseWithResolvers<void>[] = [];
    let running = 0;
    let most = 0;
    const repeater = new Repeater(async () => {
      most = Math.max(most, ++running);
      const run = Promise.withResolvers<void>();
      runs.push(run);
      await run.promise;
      running -= 1;
    }, NEVER_MS, () => undefined);
    const first = repeater.now();
    const second = repeater.now();
    const third = repeater.now();
    expect(runs).toHaveLength(1);
    runs[0]!.resolve();
    await first;
    await Promise.resolve();
    expect(runs).toHaveLength(2);
    const fourth = repeater.now();
    runs[1]!.resolve();
    await Promise.all([second, third]);
    await Promise.resolve();
    runs[2]?.resolve();
    await fourth;
    expect(runs).toHaveLength(3);
    expect(most).toBe(1);
    await repeater.stop();
    await repeater.now();
    expect(runs).toHaveLength(3);
  });

  it('reports a nudge\'s failure and goes on', async () => {
    const reported: unknown[] = [];
    let fail = true;
    const repeater = new Repeater(async () => {
      if (fail) throw new Error('away');
    }, NEVER_MS, (error) => void reported.push(error));
    repeater.nudge();
    await expect(repeater.now()).rejects.toThrow('away');
    fail = false;
    await repeater.now();
    expect(reported).toHaveLength(1);
    await repeater.stop();
  });

  it('repeats a nudge that failed until it succeeds, long before its next turn', async () => {
    let left = 2;
    const done = Promise.withResolvers<void>();
    const repeater = new Repeater(async () => {
      if (left-- > 0) throw new Error('away');
      done.resolve();
    }, NEVER_MS, () => undefined);
    repeater.nudge();
    await done.promise;
    expect(left).toBe(-1);
    await repeater.stop();
  });
});
