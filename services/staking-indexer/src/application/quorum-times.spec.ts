import { expect, test } from 'vitest';
import type { ChainTimes, EpochClock } from './chain-times.js';
import { QuorumTimes } from './quorum-times.js';

const clock: EpochClock = { genesisMs: 1_000, epochMs: 10 };
const saying = (time: number | undefined, epochs: EpochClock | undefined): ChainTimes => ({ timeOf: async () => time, clock: async () => epochs });

test.each<[string, ChainTimes[], number, number | undefined, EpochClock | undefined]>([
  ['all agree', [saying(5, clock), saying(5, { ...clock })], 2, 5, clock],
  ['enough agree, one is silent', [saying(5, clock), saying(undefined, undefined), saying(5, clock)], 2, 5, clock],
  ['too few answer', [saying(5, clock), saying(undefined, undefined)], 2, undefined, undefined],
  ['one contradicts', [saying(5, clock), saying(5, clock), saying(6, { ...clock, epochMs: 11 })], 2, undefined, undefined],
  ['nobody answers', [saying(undefined, undefined)], 1, undefined, undefined],
])('times count where %s', async (_name, times, quorum, time, epochs) => {
  const agreed = new QuorumTimes(times, quorum);
  expect([await agreed.timeOf(7), await agreed.clock()]).toEqual([time, epochs]);
});

test('a quorum needs as many endpoints', () => {
  expect(() => new QuorumTimes([saying(1, clock)], 2)).toThrow('1 endpoints cannot make a quorum of 2');
});
