import { RejectionError, utf8 } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InferenceAnswer } from '../../application/inference.js';
import type { Tensor } from '../../domain/tensor/tensor.js';
import { readRequest, writeAnswer } from './oip-codec.js';

const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
const read = (body: unknown, headerLength?: string) => readRequest('pima', '', typeof body === 'string' ? utf8(body) : body instanceof Uint8Array ? body : utf8(JSON.stringify(body)), headerLength);

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RejectionError) return `${error.rejection.field}: ${error.rejection.rule}`;
    throw error;
  }
  return 'accepted';
}

describe('a request', () => {
  test('is read with its inputs, outputs, id and max_price', () => {
    const { request, id, binary } = read({ id: 'q', parameters: { max_price: '12' }, inputs: [input], outputs: [{ name: 'scores' }] });
    expect(request).toEqual({ model: 'pima', version: '', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], content: [1, 2] }], outputs: ['scores'], maxPrice: 12n });
    expect([id, binary]).toEqual(['q', new Set()]);
  });

  test('keeps the digits of 64-bit integers', () => {
    const { request } = read('{"inputs":[{"name":"x","datatype":"INT64","shape":[3],"data":[9223372036854775807,-9223372036854775808,7]}]}');
    expect(request.inputs[0]!.content).toEqual([9223372036854775807n, -9223372036854775808n, 7]);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'body: json'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'body: json'],
    ['a list', [], 'body: type'],
    ['no inputs', {}, 'inputs: type'],
    ['inputs that are no list', { inputs: {} }, 'inputs: type'],
    ['an input that is no object', { inputs: [1] }, 'inputs[0]: type'],
    ['no name', { inputs: [{ ...input, name: undefined }] }, 'inputs[0].name: type'],
    ['a name that is a number', { inputs: [{ ...input, name: 1 }] }, 'inputs[0].name: type'],
    ['no datatype', { inputs: [{ ...input, datatype: undefined }] }, 'inputs[0].datatype: type'],
    ['a shape that is no list', { inputs: [{ ...input, shape: 2 }] }, 'inputs[0].shape: type'],
    ['a shape of texts', { inputs: [{ ...input, shape: ['1', '2'] }] }, 'inputs[0].shape: type'],
    ['no data', { inputs: [{ ...input, data: undefined }] }, 'inputs[0].data: type'],
    ['outputs that are no list', { inputs: [input], outputs: {} }, 'outputs: type'],
    ['an output without a name', { inputs: [input], outputs: [{}] }, 'outputs[0].name: type'],
    ['parameters that are a list', { inputs: [input], parameters: [] }, 'parameters: type'],
    ['a flag that is a number', { inputs: [input], parameters: { binary_data_output: 1 } }, 'parameters.binary_data_output: type'],
    ['an id that is a number', { inputs: [input], id: 1 }, 'id: type'],
    ['a negative max_price', { inputs: [input], parameters: { max_price: '-1' } }, 'max_price: format'],
    ['a fractional max_price', { inputs: [input], parameters: { max_price: 1.5 } }, 'max_price: format'],
    ['a max_price past all bounds', { inputs: [input], parameters: { max_price: '9'.repeat(40) } }, 'max_price: format'],
  ])('with %s is refused by field and rule', (_, body, expected) => {
    expect(refusal(() => read(body))).toBe(expected);
  });

  test('no text whatever does anything but parse or be refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), fc.json().map((json) => `{"inputs":[${json}]}`)), (text) => {
        refusal(() => read(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe('the binary extension', () => {
  const header = (size: unknown) => JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: size } }] });
  const body = (size: unknown, raw: number) => new Uint8Array([...utf8(header(size)), ...new Uint8Array(raw).fill(7)]);

  test('takes each input its bytes behind the JSON', () => {
    const { request } = read(body(8, 8), String(header(8).length));
    expect(request.inputs[0]!.content).toEqual(new Uint8Array(8).fill(7));
  });

  test.each<[string, unknown, number, string, string]>([
    ['more bytes than there are', 9, 8, '', 'inputs[0].parameters.binary_data_size: binary-data-size'],
    ['fewer bytes than there are', 4, 8, '', 'body: binary-data-size'],
    ['a negative size', -1, 8, '', 'inputs[0].parameters.binary_data_size: binary-data-size'],
    ['a size that is a text', '8', 8, '', 'inputs[0].parameters.binary_data_size: binary-data-size'],
    ['a header longer than the body', 8, 8, '9999', 'inference-header-content-length: header-length'],
    ['a header length that is no number', 8, 8, '-3', 'inference-header-content-length: header-length'],
  ])('with %s is refused', (_, size, raw, headerLength, expected) => {
    expect(refusal(() => read(body(size, raw), headerLength || String(header(size).length)))).toBe(expected);
  });
});

describe('an answer', () => {
  const tensor = (name: string, datatype: Tensor['datatype'], data: ArrayBuffer, shape: number[]): Tensor => ({ name, datatype, shape, data: new Uint8Array(data) });
  const answer = (...outputs: Tensor[]): InferenceAnswer => ({ model: 'pima', version: 1, outputs, reservationId: 'r', priceVersion: 2, unitPriceE15: 3n, rows: 1, gross: 4n });
  const none: ReadonlySet<string> = new Set();

  test('is JSON that says what it cost', () => {
    const { body, headerLength } = writeAnswer(answer(tensor('s', 'FP32', new Float32Array([0.5]).buffer, [1, 1])), { id: 'q', binary: none });
    expect(headerLength).toBeUndefined();
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({
      model_name: 'pima', model_version: '1', id: 'q',
      parameters: { charged_units: '4', charged_asset: 'USD', price_version: '2', unit_price_e15: '3', rows: '1', reservation_id: 'r' },
      outputs: [{ name: 's', datatype: 'FP32', shape: [1, 1], data: [0.5] }],
    });
  });

  test('keeps the digits of 64-bit integers and writes what is no number as text', () => {
    const outputs = [tensor('i', 'INT64', new BigInt64Array([9223372036854775807n]).buffer, [1]), tensor('f', 'FP64', new Float64Array([Number.NaN, Number.NEGATIVE_INFINITY]).buffer, [2])];
    const text = Buffer.from(writeAnswer(answer(...outputs), { id: undefined, binary: none }).body).toString();
    expect(text).toContain('"data":[9223372036854775807]');
    expect(text).toContain('"data":["NaN","-Infinity"]');
  });

  test('puts the wanted outputs behind the JSON, in order', () => {
    const outputs = [tensor('a', 'UINT8', new Uint8Array([1, 2]).buffer, [2]), tensor('b', 'UINT8', new Uint8Array([3]).buffer, [1])];
    for (const [binary, raw] of [['all', [1, 2, 3]], [new Set(['b']), [3]]] as const) {
      const { body, headerLength } = writeAnswer(answer(...outputs), { id: undefined, binary });
      expect([...body.subarray(headerLength)]).toEqual(raw);
      const json = JSON.parse(Buffer.from(body.subarray(0, headerLength)).toString()) as { outputs: { data?: number[]; parameters?: object }[] };
      expect(json.outputs[1]).toMatchObject({ parameters: { binary_data_size: 1 } });
    }
  });
});
