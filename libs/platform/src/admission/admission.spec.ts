import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RejectionError } from '@skein/kernel';
import { expect, test } from 'vitest';
import { Admission, type Arrival } from './admission.js';

const signal = new AbortController().signal;
const wallet = (name: string, sizeBytes = 100): Arrival => ({ identity: { kind: 'wallet', wallet: name, scopes: [] }, address: '10.0.0.1', sizeBytes, signal });
const ruleOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'in', (error: unknown) => (error instanceof RejectionError ? error.rejection.rule : 'other'));

test('services, streams and credentials do not wait for the places of callers outside', async () => {
  const admission = new Admission('arena', { callsMax: 1, queuedMax: 1, streamsMax: 1, internalCallsMax: 1, credentialsMax: 1 });
  await admission.call(wallet('a'));
  const waiting = admission.call(wallet('a'));
  expect(await ruleOf(admission.call(wallet('a')))).toBe('overloaded');
  const service = { ...wallet('a'), identity: { kind: 'service', service: 'billing' } } as const;
  expect(await ruleOf(admission.call(service))).toBe('in');
  expect(await ruleOf(admission.stream(wallet('a')))).toBe('in');
  expect(await ruleOf(admission.stream(wallet('b')))).toBe('overloaded');
  expect(await admission.checked('10.0.0.1', signal, async () => 'checked')).toBe('checked');
  expect(admission.load('calls')).toEqual({ running: 1, queued: 1 });
  void waiting;
});

test('a big request takes more of the queue, and one that is bigger than the queue may still wait in an empty one', async () => {
  const admission = new Admission('arena', { callsMax: 1, queuedMax: 4 });
  await admission.call(wallet('a'));
  void admission.call(wallet('a', 3 * 16 * 1024));
  expect(await ruleOf(admission.call(wallet('a')))).toBe('overloaded');
  const other = new Admission('arena', { callsMax: 1, queuedMax: 4 });
  const leave = await other.call(wallet('a'));
  const huge = other.call(wallet('a', 1024 * 1024));
  leave();
  expect(await ruleOf(huge)).toBe('in');
});

test('weights give turns', async () => {
  const admission = new Admission('arena', { callsMax: 1, queuedMax: 20, weights: { 'wallet:b': 2 } });
  let leave = await admission.call(wallet('x'));
  const order: string[] = [];
  const all = ['a', 'a', 'a', 'b', 'b', 'b', 'b'].map(async (name) => {
    leave = await admission.call(wallet(name));
    order.push(name);
  });
  for (let turn = 0; turn < all.length; turn += 1) {
    leave();
    for (let tick = 0; tick < 10; tick += 1) await Promise.resolve();
  }
  await Promise.all(all);
  expect(order.join('')).toBe('abbabba');
});

test('20 000 refusals leave nothing behind', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const admission = new Admission('arena', { callsMax: 2, queuedMax: 8 });
  await Promise.all([admission.call(wallet('a')), admission.call(wallet('a'))]);
  for (let index = 0; index < 8; index += 1) void admission.call(wallet('a')).catch(() => undefined);
  const refuse = async (count: number): Promise<number> => {
    for (let index = 0; index < count; index += 1) expect(await ruleOf(admission.call({ ...wallet('a'), signal: new AbortController().signal }))).toBe('overloaded');
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await refuse(2_000);
  expect((await refuse(20_000)) - before).toBeLessThan(2 * 1024 * 1024);
  expect(admission.load('calls')).toEqual({ running: 2, queued: 8 });
}, 60_000);
