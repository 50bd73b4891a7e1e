import { DeterministicRandom } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromProblem, SkeinError } from './errors.js';
import { restBefore, withRetry } from './retry.js';

const seeded = (seed: number) => new DeterministicRandom(new Uint8Array([seed]));
const busy = (retryAfterMs?: number) => new SkeinError({ code: 'resource-exhausted', message: 'm', retriable: true, retryAfterMs });

describe('a rest', () => {
  test('is at least what the service asks for and at most a quarter more, within the bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 0, max: 255 }), (asked, seed) => {
        const restMs = restBefore(busy(asked), 50, { random: seeded(seed) });
        expect(restMs).toBeGreaterThanOrEqual(Math.min(asked, 30_000));
        expect(restMs).toBeLessThanOrEqual(Math.min(asked * 1.25, 30_000));
      }),
    );
  });

  test('without a wish is between half of the back-off and all of it', () => {
    const rests = Array.from({ length: 50 }, (_, seed) => restBefore(busy(), 100, { random: seeded(seed) }));
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...rests)).toBeLessThanOrEqual(100);
    expect(new Set(rests).size).toBeGreaterThan(10);
  });

  test('is never longer than the caller allows', () => {
    expect(restBefore(busy(10_000), 50, { restMsMax: 200 })).toBe(200);
  });
});

describe('repeating', () => {
  const times = (errors: readonly Error[]) => {
    let calls = 0;
    return { call: async () => (calls < errors.length ? Promise.reject(errors[calls++]!) : ((calls += 1), 'answer')), calls: () => calls };
  };

  test('goes on while it helps', async () => {
    const { call, calls } = times([busy(1), busy(2)]);
    expect(await withRetry(call, { timeoutMs: 10_000, random: seeded(1) })).toBe('answer');
    expect(calls()).toBe(3);
  });

  test('stops at a refusal, and where the rest would end too late', async () => {
    const refused = times([new SkeinError({ code: 'permission-denied', message: 'm' })]);
    await expect(withRetry(refused.call, { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'permission-denied' });
    const late = times([busy(20_000)]);
    await expect(withRetry(late.call, { timeoutMs: 5_000 })).rejects.toMatchObject({ retryAfterMs: 20_000 });
    expect(late.calls()).toBe(1);
  });
});

test.each([
  [429, { code: 'resource-exhausted', retriable: true, retryAfterMs: 700 }, '1', { retriable: true, retryAfterMs: 700 }],
  [429, {}, '2', { retriable: true, retryAfterMs: 2_000, code: 'http-429' }],
  [429, { code: 'resource-exhausted', retriable: false }, null, { retriable: false, retryAfterMs: undefined }],
  [503, {}, 'Fri, 31 Dec 1999 23:59:59 GMT', { retriable: true, retryAfterMs: undefined }],
  [400, {}, null, { retriable: false }],
])('a %s problem %o with Retry-After %s', (status, body, header, expected) => {
  expect(fromProblem(status, body, header)).toMatchObject(expected);
});
