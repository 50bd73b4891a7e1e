import { DeterministicRandom } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childTraceparent, currentTraceparent, inTraceOf, newTraceparent, outsideTrace, parseTraceparent, traceOfError, withTrace } from './trace.js';

const random = (seed = 1) => new DeterministicRandom(new Uint8Array([seed]));
const zeros = { bytes: (count: number) => new Uint8Array(count) };

describe('traceparent', () => {
  it('is valid for every random source', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (seed) => {
        expect(parseTraceparent(newTraceparent(new DeterministicRandom(seed)))).toBeDefined();
      }),
    );
    expect(parseTraceparent(newTraceparent(zeros))).toEqual({ traceId: `${'0'.repeat(31)}1`, spanId: `${'0'.repeat(15)}1` });
  });

  it('keeps the trace, its sampling flag, and takes a new span in a child', () => {
    const parent = newTraceparent(random()).replace(/01$/, '00');
    const child = childTraceparent(parent, random(2));
    expect(parseTraceparent(child)!.traceId).toBe(parseTraceparent(parent)!.traceId);
    expect(parseTraceparent(child)!.spanId).not.toBe(parseTraceparent(parent)!.spanId);
    expect(child.endsWith('-00')).toBe(true);
  });

  it.each([undefined, '', 'x', `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, `00-${'A'.repeat(32)}-${'1'.repeat(16)}-01`, `ff-${'1'.repeat(32)}-${'1'.repeat(16)}-01`])(
    'starts a new trace instead of %s',
    (parent) => {
      expect(childTraceparent(parent, random())).toBe(newTraceparent(random()));
    },
  );

  it('follows asynchronous work', async () => {
    const traceparent = newTraceparent(random());
    const seen = await withTrace(traceparent, async () => {
      await Promise.resolve();
      return currentTraceparent();
    });
    expect(seen).toBe(traceparent);
    expect(currentTraceparent()).toBeUndefined();
    expect(withTrace(undefined, currentTraceparent)).toBeUndefined();
    expect(withTrace(traceparent, () => [outsideTrace(currentTraceparent), currentTraceparent()])).toEqual([undefined, traceparent]);
  });

  it('is remembered by an error, as the innermost that it was thrown in', async () => {
    const [inner, outer] = [newTraceparent(random()), newTraceparent(random(2))];
    const error = new Error('x');
    await expect(inTraceOf(outer, () => inTraceOf(inner, () => Promise.reject(error)))).rejects.toBe(error);
    expect(traceOfError(error)).toBe(inner);
    expect(await inTraceOf(outer, async () => currentTraceparent())).toBe(outer);
    const untraced = new Error('y');
    await expect(inTraceOf(undefined, () => Promise.reject(untraced))).rejects.toBe(untraced);
    await expect(inTraceOf(outer, () => Promise.reject('text'))).rejects.toBe('text');
    expect([traceOfError(untraced), traceOfError('text'), traceOfError(undefined)]).toEqual([undefined, undefined, undefined]);
  });
});
