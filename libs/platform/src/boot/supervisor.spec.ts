import { expect, test, vi } from 'vitest';
import { ConfigError } from '../config.js';
import type { Logger } from '../logger.js';
import type { Worker } from '../service-definition.js';
import { Supervisor } from './supervisor.js';

const lines: string[] = [];
const write = (_: object, message: string): number => lines.push(message);
const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };

/** Fails to start as often as told, then runs. */
function worker(name: string, failures: number, more: Partial<Worker> = {}): Worker & { starts: number; stops: number } {
  return {
    name, starts: 0, stops: 0,
    async start() {
      this.starts += 1;
      if (this.starts <= failures) throw new Error('not yet');
    },
    async stop() {
      this.stops += 1;
    },
    ...more,
  };
}
const policy = { firstRetryMs: 100, retryMsMax: 400, giveUpMs: 60_000 };

test('a start that fails is tried again with back-off while the others run', async () => {
  vi.useFakeTimers();
  const [late, good] = [worker('late', 3), worker('good', 0)];
  const supervisor = new Supervisor([late, good], logger, policy);
  await supervisor.start();
  expect([supervisor.waiting(), supervisor.dead()]).toEqual([['late'], []]);
  await vi.advanceTimersByTimeAsync(299);
  expect(late.starts).toBe(2);
  await vi.advanceTimersByTimeAsync(401);
  expect([late.starts, supervisor.waiting()]).toEqual([4, []]);
  vi.useRealTimers();
});

test('one that cannot be started for long is dead', async () => {
  vi.useFakeTimers();
  const never = worker('never', Infinity);
  const supervisor = new Supervisor([never], logger, policy);
  await supervisor.start();
  await vi.advanceTimersByTimeAsync(61_000);
  expect([supervisor.dead(), supervisor.waiting()]).toEqual([['never'], ['never']]);
  vi.useRealTimers();
});

test('one that lacks a setting is dead at once, and the start tells', async () => {
  const unset = worker('unset', 0, { start: async () => Promise.reject(new ConfigError('arena', ['EVENT_LOG_URL: is missing'])) });
  const supervisor = new Supervisor([unset, worker('good', 0)], logger);
  expect((await supervisor.start())?.problems).toEqual(['EVENT_LOG_URL: is missing']);
  expect(supervisor.dead()).toEqual(['unset']);
});

test('a stop ends the retries and stops the rest, also when one refuses', async () => {
  vi.useFakeTimers();
  const [late, good, bad] = [worker('late', 1), worker('good', 0), worker('bad', 0, { stop: async () => Promise.reject(new Error('no')) })];
  const supervisor = new Supervisor([late, bad, good], logger, policy);
  await supervisor.start();
  await supervisor.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([late.starts, good.stops]).toEqual([1, 1]);
  expect(lines).toContain('worker did not stop cleanly');
  vi.useRealTimers();
});

test('a worker that waits says for what; it is not dead', async () => {
  let halted = true;
  const supervisor = new Supervisor([worker('w', 0, { ready: () => !halted, waitsFor: () => (halted ? 'halted' : undefined) })], logger);
  await supervisor.start();
  expect([supervisor.waiting(), supervisor.dead()]).toEqual([['w: halted'], []]);
  halted = false;
  expect(supervisor.waiting()).toEqual([]);
});

test('a worker that dies later is dead until it says that it lives again', async () => {
  let failure: Error | undefined;
  const supervisor = new Supervisor([worker('w', 0, { failure: () => failure })], logger);
  await supervisor.start();
  expect(supervisor.dead()).toEqual([]);
  failure = new Error('gone');
  expect(supervisor.dead()).toEqual(['w']);
  failure = undefined;
  expect(supervisor.dead()).toEqual([]);
});
