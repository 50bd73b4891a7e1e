import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { encodeFrame, FrameReader } from './frames.js';
import { decodeTensors, replyNumbers } from './requests.js';

const reader = (max = 1000): FrameReader => new FrameReader(() => max);

describe('frames', () => {
  it('come through whatever the chunks', () => {
    const part = fc.record({ text: fc.string(), body: fc.uint8Array({ maxLength: 200 }) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.integer({ min: 1, max: 64 }), (frames, size) => {
        const bytes = Buffer.concat(frames.map(({ text, body }) => encodeFrame({ header: { text }, body })));
        const read = reader();
        const got = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => read.push(bytes.subarray(i * size, (i + 1) * size))).flat();
        expect(got.map(({ header, body }) => ({ text: header['text'], body }))).toEqual(frames);
      }),
    );
  });

  it.each([
    ['a body beyond the bound', Buffer.concat([Buffer.from([2, 0, 0, 0, 0xff, 0xff, 0, 0]), Buffer.from('{}')])],
    ['a header beyond the bound', Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
    ['a header that is no JSON', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{{')])],
    ['a header that is no object', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('[]')])],
  ])('%s throws', (_what, bytes) => {
    expect(() => reader().push(bytes)).toThrow();
  });
});

describe('answers of a child', () => {
  const body = new Uint8Array(8);
  const part = { name: 'y', elementType: 'float', dims: [2], offset: 0, length: 8 };
  it('are decoded when they make sense', () => {
    expect(decodeTensors({ header: { outputs: [part] }, body })).toMatchObject({ ok: true, value: [{ name: 'y', dims: [2] }] });
    expect(replyNumbers({ header: { losses: [1, null, 'x'] }, body }, 'losses')).toEqual([1, Number.NaN, Number.NaN]);
    expect(replyNumbers({ header: {}, body }, 'losses')).toEqual([]);
  });

  it.each([undefined, 'text', [null], [{}], [{ ...part, offset: 1 }], [{ ...part, length: 4 }], [{ ...part, dims: [-2] }], [{ ...part, dims: 'x' }], [{ ...part, elementType: 'string' }], [{ ...part, offset: -8 }], [{ ...part, dims: [1e300] }]])(
    'are refused otherwise: %j',
    (outputs) => {
      expect(decodeTensors({ header: { outputs }, body })).toMatchObject({ ok: false, error: { rule: 'model-run' } });
    },
  );
});
