import { expect, test } from 'vitest';
import { Lanes } from './lanes.js';

test('work of one name runs in order, one at a time, also after a failure; other names go on', async () => {
  const lanes = new Lanes();
  const log: string[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const step = (name: string, what: string, wait?: Promise<void>) => lanes.run(name, async () => {
    log.push(`${what} begins`);
    await wait;
    log.push(`${what} ends`);
    if (what === 'a2') throw new Error('failed');
    return what;
  });
  const all = [step('a', 'a1', gate), step('a', 'a2'), step('a', 'a3')];
  expect(await step('b', 'b1')).toBe('b1');
  open();
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(log).toEqual(['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends', 'a3 begins', 'a3 ends']);
});

test('work may start other work of the same name that it does not wait for', async () => {
  const lanes = new Lanes();
  let later: Promise<string> | undefined;
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  await lanes.run('a', async () => {
    later = ended.then(() => lanes.run('a', async () => 'later'));
  });
  end();
  expect(await later).toBe('later');
  await expect(lanes.run('a', () => lanes.run('a', async () => 'never'))).rejects.toThrow('started itself');
});
