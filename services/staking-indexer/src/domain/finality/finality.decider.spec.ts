import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import { type FinalityReached, finalityDecider } from './finality.decider.js';

const at = (number: number, more: object = {}): FinalityReached['data'] => ({ chainId: 31337, asOf: { number, hash: `0x${String(number).repeat(64).slice(0, 64)}` }, ...more });
const reached = (number: number, more: object = {}): FinalityReached => ({ type: 'skein.staking.finality.reached.v1', data: at(number, more) });

test('a final block is told of once, with what is known of its time, and none before it afterwards', () => {
  specOf(finalityDecider).given().when(at(0)).then(reached(0));
  specOf(finalityDecider).given(reached(6)).when(at(7, { timeMs: 9 })).then(reached(7, { timeMs: 9 }));
  for (const number of [7, 6]) specOf(finalityDecider).given(reached(7)).when(at(number, { timeMs: 9 })).then();
});

test('what is kept of it is read back', () => {
  const { encode, decode } = finalityDecider.snapshot!;
  expect(decode(encode({ number: 7 }))).toEqual({ number: 7 });
});
