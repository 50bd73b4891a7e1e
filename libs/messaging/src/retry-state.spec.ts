import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RetryState, STANDARD_TIMING } from './retry-state.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Fails whenever it is resumed, for so long; what each failure was answered. */
function failFor(state: RetryState, forMs: number): { atMs: number; waitMs: number; alert: boolean; stalledSeconds: number | undefined }[] {
  const fromMs = performance.now();
  const failures: { atMs: number; waitMs: number; alert: boolean; stalledSeconds: number | undefined }[] = [];
  const fail = (): void => {
    const atMs = performance.now() - fromMs;
    if (atMs <= forMs) failures.push({ atMs, ...state.failed('t', 3, fail) });
  };
  fail();
  vi.advanceTimersByTime(forMs + STANDARD_TIMING.backoffMaxMs);
  return failures;
}

test('a retriable failure is repeated without end: the waits double up to 15 s', () => {
  const failures = failFor(new RetryState(STANDARD_TIMING), 24 * 3_600_000);
  expect(failures.slice(0, 9).map(({ waitMs }) => waitMs)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  expect(failures.length).toBeGreaterThan(5_700);
});

test('the alert comes once, with the first try after 60 s; from then on it is told for how long', () => {
  const failures = failFor(new RetryState(STANDARD_TIMING), 300_000);
  const alerts = failures.filter(({ alert }) => alert);
  expect(alerts).toHaveLength(1);
  expect(alerts[0]!.atMs).toBeGreaterThanOrEqual(60_000);
  expect(alerts[0]!.atMs).toBeLessThan(75_000);
  for (const { atMs, stalledSeconds } of failures) expect(stalledSeconds).toBe(atMs < 60_000 ? undefined : atMs / 1_000);
});

test('the gauge grows from the first failure on, and is gone when the partition goes on; the next episode has its own alert', () => {
  const state = new RetryState(STANDARD_TIMING);
  state.failed('t', 3, () => undefined);
  vi.advanceTimersByTime(42_000);
  expect([state.retrying(), state.attempts('t', 3)]).toEqual([[{ topic: 't', partition: 3, seconds: 42 }], 1]);
  vi.advanceTimersByTime(20_000);
  expect(state.failed('t', 3, () => undefined).alert).toBe(true);
  expect(state.succeeded('t', 3)).toBe(true);
  expect([state.retrying(), state.attempts('t', 3), state.succeeded('t', 3)]).toEqual([[], 0, false]);
  expect(failFor(state, 100_000).filter(({ alert }) => alert)).toHaveLength(1);
});
