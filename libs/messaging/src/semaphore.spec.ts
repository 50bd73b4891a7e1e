import { expect, it } from 'vitest';
import { Semaphore } from './semaphore.js';

it('lets at most its permits run, in order, and survives failures', async () => {
  const semaphore = new Semaphore(2);
  const started: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const tasks = gates.map((gate, n) => semaphore.run(async () => {
    started.push(n);
    await gate.promise;
    return n;
  }).catch(() => -n));
  expect(started).toEqual([0, 1]);
  gates[1]!.reject(new Error('failed'));
  await tasks[1];
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  expect(await Promise.all(tasks)).toEqual([0, -1, 2, 3, 4]);
  expect(started).toEqual([0, 1, 2, 3, 4]);
});
