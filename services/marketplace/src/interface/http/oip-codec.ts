import { reject, unwrap } from '@skein/kernel';
import type { InferenceAnswer, InferenceRequest } from '../../application/inference.js';
import { elementsOf, type Tensor, type TensorInput } from '../../domain/tensor/tensor.js';
import { costOf, readMaxPrice } from '../oip.js';

type Json = Record<string, unknown>;

/** A request of the REST protocol, with what its answer depends on. */
export interface OipRequest {
  readonly request: InferenceRequest;
  readonly id: string | undefined;
  /** Names of outputs that go out as raw bytes behind the JSON; `all` by the request's own wish. */
  readonly binary: ReadonlySet<string> | 'all';
}

const bad = (rule: string, message: string, field: string): never => unwrap(reject('invalid-argument', rule, message, field));
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOf = (value: unknown, field: string): Json => (value === undefined ? {} : isObject(value) ? value : bad('type', `${field} must be an object`, field));
const listOf = (value: unknown, field: string): readonly unknown[] => (Array.isArray(value) ? value : bad('type', `${field} must be a list`, field));
const textOf = (value: unknown, field: string): string => (typeof value === 'string' && value !== '' ? value : bad('type', `${field} must be a text`, field));
const flagOf = (value: unknown, field: string): boolean => (value === undefined ? false : typeof value === 'boolean' ? value : bad('type', `${field} must be true or false`, field));

/** JSON with every integer past 2^53 as a bigint, so that 64-bit integers keep their digits. */
function parseExact(text: string): unknown {
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context!.source!) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

function parseHeader(bytes: Uint8Array): Json {
  let parsed: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // The slow, exact reading only where an integer is long enough to need it.
    parsed = /\d{16}/.test(text) ? parseExact(text) : JSON.parse(text);
  } catch {
    return bad('json', 'the body is not valid JSON', 'body');
  }
  return isObject(parsed) ? parsed : bad('type', 'the body must be an object', 'body');
}

/** Splits a body of the binary extension into its JSON and the raw bytes behind it. */
function splitBody(body: Uint8Array, headerLength: string | undefined): { json: Json; raw: Uint8Array } {
  if (headerLength === undefined) return { json: parseHeader(body), raw: new Uint8Array() };
  const length = /^\d{1,12}$/.test(headerLength) ? Number(headerLength) : -1;
  if (length < 0 || length > body.length) bad('header-length', 'the header is longer than the body', 'inference-header-content-length');
  return { json: parseHeader(body.subarray(0, length)), raw: body.subarray(length) };
}

function readInputs(json: Json, raw: Uint8Array): TensorInput[] {
  let at = 0;
  const inputs = listOf(json['inputs'], 'inputs').map((value, index): TensorInput => {
    const field = `inputs[${index}]`;
    const input = isObject(value) ? value : bad('type', `${field} must be an object`, field);
    const size = objectOf(input['parameters'], `${field}.parameters`)['binary_data_size'];
    const shape = listOf(input['shape'], `${field}.shape`).map((each) => (typeof each === 'number' ? each : bad('type', 'a shape has numbers', `${field}.shape`)));
    const named = { name: textOf(input['name'], `${field}.name`), datatype: textOf(input['datatype'], `${field}.datatype`), shape };
    if (size === undefined) return { ...named, content: listOf(input['data'], `${field}.data`) };
    if (!Number.isSafeInteger(size) || (size as number) < 0 || at + (size as number) > raw.length || 'data' in input)
      bad('binary-data-size', 'the raw bytes behind the header do not fit', `${field}.parameters.binary_data_size`);
    const content = raw.slice(at, (at += size as number));
    return { ...named, content };
  });
  if (at !== raw.length) bad('binary-data-size', `${raw.length - at} bytes belong to no input`, 'body');
  return inputs;
}

/** Reads an inference request; everything that is wrong with it is refused by field and rule. */
export function readRequest(model: string, version: string, body: Uint8Array, headerLength: string | undefined): OipRequest {
  const { json, raw } = splitBody(body, headerLength);
  const parameters = objectOf(json['parameters'], 'parameters');
  const outputs = json['outputs'] === undefined ? [] : listOf(json['outputs'], 'outputs').map((value, index) => (isObject(value) ? value : bad('type', 'an output is an object', `outputs[${index}]`)));
  const names = outputs.map((output, index) => textOf(output['name'], `outputs[${index}].name`));
  const binary = names.filter((_, index) => flagOf(objectOf(outputs[index]!['parameters'], `outputs[${index}].parameters`)['binary_data'], `outputs[${index}].parameters.binary_data`));
  const maxPrice = readMaxPrice(parameters['max_price']);
  return {
    request: { model, version, inputs: readInputs(json, raw), outputs: names, ...(maxPrice === undefined ? {} : { maxPrice }) },
    id: json['id'] === undefined ? undefined : textOf(json['id'], 'id'),
    binary: flagOf(parameters['binary_data_output'], 'parameters.binary_data_output') ? 'all' : new Set(binary),
  };
}

/** A JSON number, or a text for what JSON has no number for. */
const element = (value: unknown): string => (typeof value === 'number' && !Number.isFinite(value) ? JSON.stringify(String(value)) : String(value));

/** An answer as bytes; `headerLength` is set when raw bytes follow the JSON. */
export function writeAnswer(answer: InferenceAnswer, { id, binary }: Pick<OipRequest, 'id' | 'binary'>): { body: Uint8Array; headerLength: number | undefined } {
  const isBinary = ({ name }: Tensor): boolean => binary === 'all' || binary.has(name);
  const outputs = answer.outputs.map((tensor) => {
    const described = { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape };
    if (isBinary(tensor)) return JSON.stringify({ ...described, parameters: { binary_data_size: tensor.data.length } });
    return `${JSON.stringify(described).slice(0, -1)},"data":[${elementsOf(tensor).map(element).join(',')}]}`;
  });
  const head = JSON.stringify({ model_name: answer.model, model_version: String(answer.version), ...(id === undefined ? {} : { id }), parameters: costOf(answer) });
  const json = new TextEncoder().encode(`${head.slice(0, -1)},"outputs":[${outputs.join(',')}]}`);
  const raw = answer.outputs.filter(isBinary).map(({ data }) => data);
  return raw.length === 0 ? { body: json, headerLength: undefined } : { body: new Uint8Array(Buffer.concat([json, ...raw])), headerLength: json.length };
}
