import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CODECS, datatypeOf } from './datatype.js';
import type { TensorInput } from './tensor.js';
import { checkInputs, elementsOf, ROWS_MAX } from './tensor.js';

const spec = { name: 'x', datatype: 'FP32', shape: [-1, 2] };
const input = (more: Partial<TensorInput> = {}): TensorInput => ({ name: 'x', datatype: 'FP32', shape: [1, 2], content: [1, 2], ...more });
const refusal = (specs: (typeof spec)[], inputs: TensorInput[]) => {
  const checked = checkInputs(specs, inputs);
  return checked.ok ? undefined : { rule: checked.error.rule, field: checked.error.field };
};

describe('inputs', () => {
  test('that fit come back as bytes with the number of rows', () => {
    const checked = checkInputs([spec], [input({ shape: [3, 2], content: [[1, 2], [3, 4], [5, 6.5]] })]);
    expect(checked).toMatchObject({ ok: true, value: { rows: 3 } });
    if (checked.ok) expect(elementsOf(checked.value.tensors[0]!)).toEqual([1, 2, 3, 4, 5, 6.5]);
  });

  test.each<[string, Partial<TensorInput>, string, string]>([
    ['a wrong name', { name: 'y' }, 'input-known', 'inputs[0].name'],
    ['a wrong datatype', { datatype: 'FP64' }, 'datatype', 'inputs[0].datatype'],
    ['an unknown datatype', { datatype: 'BF16' }, 'datatype', 'inputs[0].datatype'],
    ['a wrong rank', { shape: [2] }, 'shape', 'inputs[0].shape'],
    ['a wrong size', { shape: [1, 3], content: [1, 2, 3] }, 'shape', 'inputs[0].shape'],
    ['no rows', { shape: [0, 2], content: [] }, 'shape', 'inputs[0].shape'],
    ['negative rows', { shape: [-1, 2] }, 'shape', 'inputs[0].shape'],
    ['half a row', { shape: [1.5, 2] }, 'shape', 'inputs[0].shape'],
    ['too many rows', { shape: [ROWS_MAX + 1, 2], content: [] }, 'rows-max', 'inputs[0].shape'],
    ['too few elements', { content: [1] }, 'element-count', 'inputs[0].data'],
    ['a text as an element', { content: [1, '2'] }, 'element', 'inputs[0].data'],
    ['an element past its type', { content: [1, 1e39] }, 'element', 'inputs[0].data'],
    ['too few bytes', { content: new Uint8Array(7) }, 'byte-length', 'inputs[0].data'],
  ])('with %s are refused, naming rule and field', (_, more, rule, field) => {
    expect(refusal([spec], [input(more)])).toEqual({ rule, field });
  });

  test('missing, twice, or of different numbers of rows are refused', () => {
    expect(refusal([spec], [])).toEqual({ rule: 'required', field: 'inputs' });
    expect(refusal([spec], [input(), input()])).toEqual({ rule: 'unique', field: 'inputs[1].name' });
    expect(refusal([spec, { ...spec, name: 'y' }], [input(), input({ name: 'y', shape: [2, 2], content: [1, 2, 3, 4] })])).toEqual({ rule: 'shape', field: 'inputs[1].shape' });
  });
});

describe('elements', () => {
  const values = {
    FP32: fc.float({ noNaN: true, noDefaultInfinity: true }),
    FP64: fc.double({ noNaN: true, noDefaultInfinity: true }),
    INT32: fc.integer(),
    INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    BOOL: fc.boolean(),
    UINT8: fc.integer({ min: 0, max: 255 }),
  } as const;

  test.each(Object.keys(values) as (keyof typeof values)[])('of type %s survive the way to bytes and back', (datatype) => {
    fc.assert(
      fc.property(fc.array<unknown>(values[datatype], { minLength: 1, maxLength: 9 }), (content) => {
        const checked = checkInputs([{ name: 'x', datatype, shape: [-1] }], [{ name: 'x', datatype, shape: [content.length], content }]);
        if (!checked.ok) throw new Error(checked.error.message);
        expect(elementsOf(checked.value.tensors[0]!)).toEqual(content);
      }),
    );
  });

  test('past 64 bits are refused, and types that are not served have no name', () => {
    expect(CODECS.INT64.fits(2n ** 63n)).toBe(false);
    expect(CODECS.INT64.fits(2 ** 60)).toBe(false);
    expect([datatypeOf('float'), datatypeOf('bfloat16'), datatypeOf('string')]).toEqual(['FP32', undefined, undefined]);
  });
});
