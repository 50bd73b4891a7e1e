import { expect, test } from 'vitest';
import { nextWindow } from '../src/application/deployments.js';

const window = { model: 'pima', fromMs: 1_000, toMs: 6_000 };
const after = (events: readonly unknown[], windowFromMs: number, nowMs = 6_100): unknown =>
  nextWindow(window, events, { rule: { windowMs: 5_000 } as never, windowFromMs }, nowMs).map((effect) => 'timer' in effect && [effect.timer.dueAtMs, effect.timer.payload]);

test('the next window follows whether or not the price has changed, and begins anew after a sleep', () => {
  const next = [[11_250, { model: 'pima', fromMs: 6_000, toMs: 11_000 }]];
  expect(after([{}], 6_000)).toEqual(next);
  expect(after([], 1_000)).toEqual(next);
  expect(after([], 1_000, 20_000)).toEqual([[25_250, { model: 'pima', fromMs: 20_000, toMs: 25_000 }]]);
});

test('the late run of a timer whose window has been closed, or whose deployment is gone, leaves the timer of today alone', () => {
  expect(after([], 6_000)).toEqual([]);
  expect(after([], 9_000, 9_500)).toEqual([]);
});
