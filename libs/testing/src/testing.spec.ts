import { ok, reject, type Decider, type DomainEvent } from '@skein/kernel';
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { FakeClock, FakeIds, fakeRandom } from './fakes.js';
import { specOf } from './spec-of.js';

type Counted = DomainEvent<'counted', { by: bigint }>;
const counter: Decider<bigint, { by: bigint }, Counted> = {
  initialState: () => 0n,
  decide: ({ by }, state) => (state + by < 0n ? reject('failed-precondition', 'below-zero', 'too little', 'by') : ok([{ type: 'counted', data: { by } }])),
  evolve: (state, event) => state + event.data.by,
};
const counted = (by: bigint): Counted => ({ type: 'counted', data: { by } });

test('specOf asserts events, refusals and states, and fails where they differ', () => {
  const spec = specOf(counter).given(counted(2n));
  spec.when({ by: 1n }).then(counted(1n));
  spec.when({ by: -3n }).thenRejected({ rule: 'below-zero', field: 'by' });
  spec.when({ by: -2n }).thenState((state) => expect(state).toBe(0n));
  expect(() => spec.when({ by: 1n }).then(counted(2n))).toThrow();
  expect(() => spec.when({ by: -3n }).then(counted(-3n))).toThrow();
  expect(() => spec.when({ by: 1n }).thenRejected({})).toThrow();
});

test('eventually waits for success and tells the last failure', async () => {
  let calls = 0;
  expect(await eventually(() => {
    calls += 1;
    if (calls < 3) throw new Error(`call ${calls}`);
    return 'there';
  }, { everyMs: 1 })).toBe('there');
  await expect(eventually(() => Promise.reject(new Error('never')), { timeoutMs: 20, everyMs: 5 })).rejects.toThrow('never');
});

test('clock, ids and randomness are the same in every run', () => {
  const clock = new FakeClock(5);
  clock.advance(10);
  expect(clock.nowMs()).toBe(15);
  const ids = new FakeIds();
  expect([ids.uuidV7(), ids.uuidV7()]).toEqual(['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002']);
  expect(fakeRandom('a').bytes(40)).toEqual(fakeRandom('a').bytes(40));
  expect(fakeRandom('a').bytes(8)).not.toEqual(fakeRandom('b').bytes(8));
});
