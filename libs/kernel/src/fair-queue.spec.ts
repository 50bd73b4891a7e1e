import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from './fair-queue.js';

const drain = (queue: FairQueue<string>): string[] => {
  const out: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) out.push(next.item);
  return out;
};
const filled = (max: number, items: string, weightOf?: (tenant: string) => number): FairQueue<string> => {
  const queue = new FairQueue<string>(weightOf === undefined ? { max } : { max, weightOf });
  for (const item of items.split(' ')) queue.offer(item[0]!, item);
  return queue;
};

describe('turns', () => {
  test('go round between tenants, first in first out for each', () => {
    expect(drain(filled(9, 'a1 a2 a3 a4 b1 c1 b2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  test('go by weight', () => {
    expect(drain(filled(9, 'a1 a2 a3 a4 b1 b2 b3', (tenant) => (tenant === 'a' ? 2 : 1)))).toEqual(['a1', 'a2', 'b1', 'a3', 'a4', 'b2', 'b3']);
  });

  test('pass over who is not eligible without losing its turn', () => {
    const queue = filled(9, 'a1 b1 a2');
    expect(queue.take((tenant) => tenant !== 'a')?.item).toBe('b1');
    expect(queue.take((tenant) => tenant === 'c')).toBeUndefined();
    expect(drain(queue)).toEqual(['a1', 'a2']);
  });

  test('an item taken out of turn is gone', () => {
    const queue = filled(9, 'a1 a2 b1');
    expect([queue.remove('a', 'a1'), queue.remove('a', 'a1'), queue.remove('z', 'a2')]).toEqual([true, false, false]);
    expect(drain(queue)).toEqual(['a2', 'b1']);
    expect([queue.size, queue.cost, queue.tenants]).toEqual([0, 0, 0]);
  });
});

describe('a full queue', () => {
  test('refuses whoever has the most waiting', () => {
    const queue = filled(3, 'a1 a2 b1');
    expect(queue.offer('a', 'a3')).toEqual({ taken: false });
    expect(drain(queue)).toEqual(['a1', 'b1', 'a2']);
  });

  test('makes room for a quiet tenant with the newest item of the loudest', () => {
    const queue = filled(3, 'a1 a2 a3');
    expect(queue.offer('b', 'b1')).toEqual({ taken: true, dropped: ['a3'] });
    expect(drain(queue)).toEqual(['a1', 'b1', 'a2']);
  });

  test('drops as many as a costly item needs, or none', () => {
    const queue = filled(6, 'a1 a2 a3 a4 a5 a6');
    expect(queue.offer('b', 'big', 3)).toEqual({ taken: true, dropped: ['a6', 'a5', 'a4'] });
    expect(queue.offer('c', 'bigger', 4)).toEqual({ taken: false });
    expect(queue.size).toBe(4);
  });

  test('with no room at all takes nothing', () => {
    expect(new FairQueue<string>({ max: 0 }).offer('a', 'a1')).toEqual({ taken: false });
  });
});

type Step = { readonly tenant: string; readonly cost: number } | 'take';
const steps = fc.array(fc.oneof(fc.record({ tenant: fc.constantFrom('a', 'b', 'c', 'd'), cost: fc.integer({ min: 1, max: 3 }) }), fc.constant<Step>('take')), { maxLength: 200 });
const weights = fc.record({ a: fc.integer({ min: 1, max: 4 }), b: fc.integer({ min: 1, max: 4 }), c: fc.constant(1), d: fc.constant(1) });

describe('whatever is offered and taken', () => {
  test('it stays bounded, keeps the order of each tenant, and loses nothing but what it says', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 12 }), weights, (all, max, weight) => {
        const queue = new FairQueue<{ tenant: string; number: number; cost: number }>({ max, weightOf: (tenant) => weight[tenant as 'a'] });
        const inside = new Map<string, number[]>([['a', []], ['b', []], ['c', []], ['d', []]]);
        all.forEach((step, number) => {
          if (step === 'take') {
            const next = queue.take();
            expect(next === undefined).toBe([...inside.values()].every((numbers) => numbers.length === 0));
            if (next !== undefined) expect(inside.get(next.tenant)!.shift()).toBe(next.item.number);
            return;
          }
          const offered = queue.offer(step.tenant, { ...step, number }, step.cost);
          if (!offered.taken) return;
          for (const dropped of offered.dropped) expect(inside.get(dropped.tenant)!.pop()).toBe(dropped.number);
          inside.get(step.tenant)!.push(number);
          expect(queue.cost).toBeLessThanOrEqual(max);
        });
        expect(queue.size).toBe([...inside.values()].flat().length);
      }),
      { numRuns: 300 },
    );
  });

  test('who has no more waiting than its share is neither refused nor dropped', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 4, max: 40 }), (all, max) => {
        const queue = new FairQueue<string>({ max });
        const share = Math.floor(max / 4);
        let waiting = 0;
        for (const step of all) {
          if (step === 'take') waiting -= queue.take()?.tenant === 'a' ? 1 : 0;
          else if (step.tenant !== 'a') {
            const offered = queue.offer(step.tenant, step.tenant, step.cost);
            if (offered.taken) expect(offered.dropped).not.toContain('a');
          } else if (waiting < share) {
            expect(queue.offer('a', 'a').taken).toBe(true);
            waiting += 1;
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nobody starves: a tenant waits for at most one round of the others', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 60 }), (weight, backlog) => {
        const queue = new FairQueue<string>({ max: 1_000, weightOf: (tenant) => weight[tenant as 'a'] });
        for (let count = 0; count < backlog; count += 1) for (const tenant of ['a', 'b', 'c']) queue.offer(tenant, tenant);
        queue.offer('d', 'd');
        const position = drain(queue).indexOf('d');
        expect(position).toBeLessThanOrEqual(weight.a + weight.b + weight.c);
      }),
    );
  });
});
