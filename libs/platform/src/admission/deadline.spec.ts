import { expect, test } from 'vitest';
import { httpTimeoutMs, innerDeadlineMs } from './deadline.js';

test.each<[string | undefined, string | undefined, number]>([
  [undefined, undefined, 30_000],
  ['wait=2', undefined, 2_000],
  ['respond-async, wait=2', undefined, 2_000],
  ['wait="5"; x=1', undefined, 5_000],
  ['WAIT = 7', undefined, 7_000],
  ['wait=600', undefined, 30_000],
  ['wait=soon', undefined, 30_000],
  ['await=1', undefined, 30_000],
  [undefined, '1500m', 1_500],
  [undefined, '2S', 2_000],
  [undefined, '1M', 30_000],
  [undefined, '250000u', 250],
  [undefined, '-1S', 30_000],
  [undefined, '123456789m', 30_000],
  ['wait=2', '900m', 900],
  ['wait=1', '5S', 1_000],
  ['wait=0', undefined, 0],
])('Prefer %s and grpc-timeout %s give %s ms', (prefer, grpcTimeout, expected) => {
  expect(httpTimeoutMs({ prefer, grpcTimeout }, 30_000)).toBe(expected);
});

test('a call within a call ends a little before it', () => {
  expect(innerDeadlineMs(31_000, 1_000)).toBe(30_950);
  expect(innerDeadlineMs(1_100, 1_000)).toBe(1_095);
  expect(innerDeadlineMs(900, 1_000)).toBe(900);
});
