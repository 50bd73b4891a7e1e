import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Moments } from '../src/demo/moments.js';
import { Printer } from '../src/demo/printer.js';
import { Victims } from '../src/demo/victims.js';
import type { SkeinProcess } from '../src/process/skein-process.js';

const silent = new Printer(() => undefined);
const momentsOf = (start: () => Promise<number>): Moments => {
  const skein = { target: 'all-in-one', kill: async () => 1, start } as unknown as SkeinProcess;
  return new Moments(skein, silent, [{ chapter: 2, moment: 0, delayMs: 0 }], new Map([[2, ['staking']]]), new Victims(1));
};

test('a Skein that does not come back ends nobody until somebody waits for it, and then says why', async () => {
  let tried: () => void = () => undefined;
  const struck = new Promise<void>((resolve) => (tried = resolve));
  const moments = momentsOf(async () => {
    tried();
    throw new Error('PostgreSQL did not start');
  });
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listen);
  try {
    moments.reach(2, 'staking');
    await struck;
    await turn();
    await turn();
    expect(unhandled).toEqual([]);
    await expect(moments.settled()).rejects.toThrow('PostgreSQL did not start');
  } finally {
    process.off('unhandledRejection', listen);
  }
});

test('a kill is counted and over when the chapter ends', async () => {
  const moments = momentsOf(async () => 5);
  moments.reach(2, 'staking');
  await moments.settled();
  expect(moments.kills).toBe(1);
  expect(() => moments.reach(2, 'lunch')).toThrow('chapter 2 declares no moment "lunch"');
});
