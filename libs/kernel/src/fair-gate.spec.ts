import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairGate, type FairGateOptions } from './fair-gate.js';
import { RejectionError, type Rejection } from './result.js';

let nowMs = 0;
const gateOf = (options: Partial<FairGateOptions> = {}): FairGate => new FairGate({ name: 'the test', runningMax: 2, queuedMax: 3, nowMs: () => nowMs, ...options });
const refusalOf = (work: Promise<unknown>): Promise<Rejection | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => (error instanceof RejectionError ? error.rejection : Promise.reject(error as Error)),
  );

/** Lets everything go on that is not waiting for its turn. */
async function ticks(): Promise<void> {
  for (let tick = 0; tick < 8; tick += 1) await Promise.resolve();
}

/** Who got in, in order. */
function visits(gate: FairGate): { visit(name: string, signal?: AbortSignal): Promise<void>; readonly log: string[]; leave(name: string): Promise<void> } {
  const log: string[] = [];
  const inside = new Map<string, () => void>();
  return {
    log,
    visit: async (name, signal) => {
      const leave = await gate.enter({ tenant: name[0]!, signal });
      log.push(name);
      inside.set(name, leave);
    },
    leave: async (name) => {
      inside.get(name)!();
      await ticks();
    },
  };
}

describe('a gate', () => {
  test('lets in up to its bound, then in fair turns', async () => {
    const gate = gateOf();
    const { visit, leave, log } = visits(gate);
    const all = ['a1', 'a2', 'a3', 'a4', 'b1'].map((name) => visit(name));
    await Promise.all(all.slice(0, 2));
    expect([gate.running, gate.queued]).toEqual([2, 3]);
    for (const name of ['a1', 'a2', 'a3', 'b1']) await leave(name);
    await Promise.all(all);
    expect(log).toEqual(['a1', 'a2', 'a3', 'b1', 'a4']);
    await leave('a4');
    expect([gate.running, gate.queued]).toEqual([0, 0]);
  });

  test('a place is given back once', async () => {
    const gate = gateOf();
    const leave = await gate.enter({ tenant: 'a' });
    leave();
    leave();
    expect(gate.running).toBe(0);
  });

  test('work gives its place back when it fails', async () => {
    const gate = gateOf({ runningMax: 1, queuedMax: 0 });
    await expect(gate.run({ tenant: 'a' }, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate.run({ tenant: 'a' }, async () => 'yes')).toBe('yes');
  });

  test('keeps places free of a tenant that has its share', async () => {
    const gate = gateOf({ runningMax: 3, tenantRunningMax: 2 });
    const { visit, leave, log } = visits(gate);
    const third = [visit('a1'), visit('a2'), visit('a3')][2]!;
    await visit('b1');
    expect(log).toEqual(['a1', 'a2', 'b1']);
    await leave('b1');
    expect(gate.running).toBe(2);
    await leave('a1');
    await third;
    expect(log.at(-1)).toBe('a3');
  });

  test('who gives up waiting is gone with its reason, and nobody else is disturbed', async () => {
    const gate = gateOf({ runningMax: 1 });
    const { visit, leave, log } = visits(gate);
    await visit('a1');
    const abort = new AbortController();
    const second = visit('a2', abort.signal);
    const third = visit('a3');
    abort.abort(new Error('too late'));
    await expect(second).rejects.toThrow('too late');
    await leave('a1');
    await third;
    expect(log).toEqual(['a1', 'a3']);
    await expect(gate.enter({ tenant: 'a', signal: abort.signal })).rejects.toThrow('too late');
  });

  test('a reason that comes after the turn changes nothing', async () => {
    const gate = gateOf({ runningMax: 1 });
    const { visit, leave } = visits(gate);
    await visit('a1');
    const abort = new AbortController();
    const second = visit('a2', abort.signal);
    await leave('a1');
    abort.abort(new Error('too late'));
    await second;
    expect(gate.running).toBe(1);
  });
});

describe('a refusal', () => {
  test('says that trying again helps, and when', async () => {
    nowMs = 0;
    const gate = gateOf({ runningMax: 1, queuedMax: 4 });
    const { visit, leave } = visits(gate);
    const all = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => visit(name));
    await ticks();
    for (const name of ['a1', 'a2']) {
      nowMs += 1_000;
      await leave(name);
    }
    const more = [visit('a6'), visit('a7')];
    // One place in a second: 0.9 × 10 ms + 0.1 × 1 000 ms so far, for four that wait and one more.
    expect(await refusalOf(visit('a8'))).toEqual({ code: 'resource-exhausted', rule: 'overloaded', message: 'the test has more to do than it can take on: try again later', retriable: true, retryAfterMs: 545 });
    nowMs += 4_000;
    expect((await refusalOf(visit('a9')))?.retryAfterMs).toBe(20_000);
    nowMs += 60_000;
    expect((await refusalOf(visit('a9')))?.retryAfterMs).toBe(30_000);
    for (const name of ['a3', 'a4', 'a5', 'a6', 'a7']) await leave(name);
    await Promise.all([...all, ...more]);
    expect(gate.retryAfterMs()).toBeGreaterThanOrEqual(100);
  });

  test('meets the newest of the loudest when a quiet tenant comes', async () => {
    const gate = gateOf({ runningMax: 1, queuedMax: 2 });
    const { visit, leave, log } = visits(gate);
    await visit('a1');
    const waiting = [visit('a2'), refusalOf(visit('a3'))] as const;
    const quiet = visit('b1');
    expect(await waiting[1]).toMatchObject({ rule: 'overloaded' });
    await leave('a1');
    await leave('a2');
    await Promise.all([waiting[0], quiet]);
    expect(log).toEqual(['a1', 'a2', 'b1']);
  });

  test('is immediate without a queue', async () => {
    const gate = gateOf({ runningMax: 1, queuedMax: 0, rule: 'runner-busy' });
    await gate.enter({ tenant: 'a' });
    expect(await refusalOf(gate.enter({ tenant: 'b' }))).toMatchObject({ rule: 'runner-busy' });
  });
});

test('whatever comes and goes: never above the bounds, never idle while someone may enter, and empty at the end', async () => {
  const step = fc.record({ tenant: fc.constantFrom('a', 'b', 'c'), act: fc.constantFrom('enter', 'enter', 'leave', 'abort') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (all) => {
      const gate = gateOf({ runningMax: 3, tenantRunningMax: 2, queuedMax: 5 });
      const inside: { tenant: string; leave: () => void }[] = [];
      const pending: { tenant: string; abort: AbortController; over: boolean }[] = [];
      for (const { tenant, act } of all) {
        if (act === 'leave') inside.splice(inside.findIndex((one) => one.tenant === tenant), inside.some((one) => one.tenant === tenant) ? 1 : 0)[0]?.leave();
        else if (act === 'abort') pending.find((one) => one.tenant === tenant && !one.over)?.abort.abort(new Error('gone'));
        else {
          const visit = { tenant, abort: new AbortController(), over: false };
          pending.push(visit);
          void gate.enter({ tenant, signal: visit.abort.signal }).then((leave) => inside.push({ tenant, leave }), () => undefined).finally(() => (visit.over = true));
        }
        await ticks();
        const waiting = pending.filter(({ over }) => !over);
        expect(gate.running).toBe(inside.length);
        expect(gate.queued).toBe(waiting.length);
        expect(gate.running).toBeLessThanOrEqual(3);
        expect(gate.queued).toBeLessThanOrEqual(5);
        if (gate.running < 3) for (const one of waiting) expect(inside.filter((other) => other.tenant === one.tenant).length).toBe(2);
      }
      while (inside.length > 0) {
        inside.pop()!.leave();
        await ticks();
      }
      expect([gate.running, gate.queued]).toEqual([0, 0]);
    }),
    { numRuns: 200 },
  );
});
