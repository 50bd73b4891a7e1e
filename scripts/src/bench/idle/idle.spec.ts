import { expect, test } from 'vitest';
import { percentOfOneCore } from './cpu.js';
import { wholeOf } from './idle.js';

const one = (pid: number, ticksBefore: number, ticksAfter: number) => ({ pid, party: 'skein' as const, ticksBefore, ticksAfter });

test('the whole is from the first look to the last, with processes that began or ended in between', () => {
  const whole = wholeOf([[one(1, 100, 110), one(2, 0, 5)], [one(1, 110, 130)], [one(1, 130, 131), one(3, 0, 4)]]);
  expect(whole).toEqual([one(1, 100, 131), one(2, 0, 5), one(3, 0, 4)]);
  expect(percentOfOneCore(whole, 10).skein).toBe(4);
});
