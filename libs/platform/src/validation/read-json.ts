import { fromJson, ScalarType, type DescEnum, type DescField, type DescMessage, type JsonObject, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { InvalidRequestError, refuseViolations, type Violation } from '../errors/invalid-request.js';
import { below } from './validate.js';

/**
 * Reads proto JSON strictly: unknown fields, wrong types, unknown enum names and numbers out of range are refused with
 * their path and rule (`unknown-field`, `type`, `known-enum`, `range`, `oneof`), all of them at once.
 */
export function readJson<S extends DescMessage>(schema: S, json: JsonValue): MessageShape<S> {
  const found: Violation[] = [];
  checkObject(schema, json, '', found, 0);
  refuseViolations(found);
  try {
    return fromJson(schema, json);
  } catch (cause) {
    throw new InvalidRequestError([{ field: '', rule: 'malformed', message: cause instanceof Error ? cause.message : 'malformed JSON' }]);
  }
}

const MAX_DEPTH = 64;
type Check = (value: JsonValue, at: string, found: Violation[], depth: number) => void;

const wrongType = (at: string, words: string): Violation => ({ field: at, rule: 'type', message: `${at === '' ? 'the body' : at} must be ${words}` });
const isObject = (value: JsonValue): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

interface Keys {
  readonly byKey: ReadonlyMap<string, DescField>;
}
const cache = new WeakMap<DescMessage, Keys>();

function keysOf(schema: DescMessage): Keys {
  let keys = cache.get(schema);
  if (keys === undefined) cache.set(schema, (keys = { byKey: new Map(schema.fields.flatMap((field) => [[field.name, field], [field.jsonName, field]] as const)) }));
  return keys;
}

/** The field that a JSON key names, by its proto or JSON name. */
export const fieldByKey = (schema: DescMessage, key: string): DescField | undefined => keysOf(schema).byKey.get(key);

function checkObject(schema: DescMessage, json: JsonValue, path: string, found: Violation[], depth: number): void {
  if (schema.typeName.startsWith('google.protobuf.')) return checkWellKnown(schema, json, path, found);
  if (!isObject(json)) return void found.push(wrongType(path, 'an object'));
  if (depth > MAX_DEPTH) return void found.push({ field: path, rule: 'depth', message: `${path} is nested too deeply` });
  const oneofs = new Set<string>();
  for (const [key, value] of Object.entries(json)) {
    const field = fieldByKey(schema, key);
    const at = below(path, field?.name ?? key);
    if (field === undefined) found.push({ field: at, rule: 'unknown-field', message: `there is no field ${at}` });
    else if (value !== null) {
      if (field.oneof !== undefined && oneofs.has(field.oneof.name)) found.push({ field: at, rule: 'oneof', message: `only one field of ${field.oneof.name} may be set` });
      if (field.oneof !== undefined) oneofs.add(field.oneof.name);
      checkField(field, value, at, found, depth);
    }
  }
}

function checkWellKnown(schema: DescMessage, json: JsonValue, path: string, found: Violation[]): void {
  try {
    fromJson(schema, json);
  } catch {
    found.push(wrongType(path, `a JSON form of ${schema.typeName}`));
  }
}

function checkField(field: DescField, value: JsonValue, at: string, found: Violation[], depth: number): void {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return void found.push(wrongType(at, 'a list'));
    const check = checkerOf(field.listKind === 'message' ? field.message : field.listKind === 'enum' ? field.enum : field.scalar);
    value.forEach((item, index) => check(item, `${at}[${index}]`, found, depth));
  } else if (field.fieldKind === 'map') {
    if (!isObject(value)) return void found.push(wrongType(at, 'an object'));
    const check = checkerOf(field.mapKind === 'message' ? field.message : field.mapKind === 'enum' ? field.enum : field.scalar);
    for (const [key, item] of Object.entries(value)) check(item, below(at, key), found, depth);
  } else checkerOf(field.fieldKind === 'message' ? field.message : field.fieldKind === 'enum' ? field.enum : field.scalar)(value, at, found, depth);
}

function checkerOf(type: DescMessage | DescEnum | ScalarType): Check {
  if (typeof type === 'number') return (value, at, found) => checkScalar(type, value, at, found);
  if (type.kind === 'enum') return (value, at, found) => checkEnum(type, value, at, found);
  return (value, at, found, depth) => checkObject(type, value, at, found, depth + 1);
}

function checkEnum(type: DescEnum, value: JsonValue, at: string, found: Violation[]): void {
  if (typeof value !== 'string' && typeof value !== 'number') return void found.push(wrongType(at, `a name of ${type.name}`));
  const known = typeof value === 'string' ? type.values.some(({ name }) => name === value) : type.value[value] !== undefined;
  if (!known) found.push({ field: at, rule: 'known-enum', message: `${at} is not a value of ${type.name}` });
}

const INTEGERS: ReadonlyMap<ScalarType, readonly [bigint, bigint]> = new Map([
  ...[ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32].map((type) => [type, [-(2n ** 31n), 2n ** 31n - 1n]] as const),
  ...[ScalarType.UINT32, ScalarType.FIXED32].map((type) => [type, [0n, 2n ** 32n - 1n]] as const),
  ...[ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64].map((type) => [type, [-(2n ** 63n), 2n ** 63n - 1n]] as const),
  ...[ScalarType.UINT64, ScalarType.FIXED64].map((type) => [type, [0n, 2n ** 64n - 1n]] as const),
]);

function checkScalar(type: ScalarType, value: JsonValue, at: string, found: Violation[]): void {
  const range = INTEGERS.get(type);
  if (range !== undefined) return checkInteger(range, value, at, found);
  if (type === ScalarType.STRING) {
    if (typeof value !== 'string') found.push(wrongType(at, 'a string'));
    else if (!value.isWellFormed()) found.push(wrongType(at, 'well-formed Unicode'));
  } else if (type === ScalarType.BOOL) {
    if (typeof value !== 'boolean') found.push(wrongType(at, 'true or false'));
  } else if (type === ScalarType.BYTES) {
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) found.push(wrongType(at, 'base64'));
  } else checkFloat(type, value, at, found);
}

function checkInteger([min, max]: readonly [bigint, bigint], value: JsonValue, at: string, found: Violation[]): void {
  const text = typeof value === 'string' && /^-?\d{1,80}$/.test(value);
  if (!text && !(typeof value === 'number' && Number.isInteger(value))) return void found.push(wrongType(at, 'an integer'));
  const exact = text || Number.isSafeInteger(value);
  const integer = BigInt(value as string | number);
  if (!exact || integer < min || integer > max) found.push({ field: at, rule: 'range', message: `${at} must be an integer from ${min} to ${max}${exact ? '' : ', as a string when it is big'}` });
}

function checkFloat(type: ScalarType, value: JsonValue, at: string, found: Violation[]): void {
  const text = typeof value === 'string' && (/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value) || ['NaN', 'Infinity', '-Infinity'].includes(value));
  if (!text && typeof value !== 'number') return void found.push(wrongType(at, 'a number'));
  if (type === ScalarType.FLOAT && typeof value === 'number' && Math.abs(value) > 3.4028234663852886e38) found.push({ field: at, rule: 'range', message: `${at} does not fit 32 bits` });
}
