import { ScalarType, type DescField, type DescMessage, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { InvalidRequestError } from '../errors/invalid-request.js';
import { fieldByKey } from '../validation/read-json.js';
import type { HttpBinding } from './bindings.js';

/** The parts of an HTTP request that a message is made of. */
export interface RequestParts {
  readonly variables: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly body: Uint8Array | undefined;
  readonly idempotencyKey: string | undefined;
}

const refuse = (field: string, rule: string, message: string): InvalidRequestError => new InvalidRequestError([{ field, rule, message }]);

/** The JSON value of a body; an empty one is an empty object. */
export function parseBody(body: Uint8Array | undefined): JsonValue {
  if (body === undefined || body.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as JsonValue;
  } catch {
    throw refuse('', 'json', 'the body is not JSON');
  }
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Puts the message's JSON together from path, query, body and `Idempotency-Key`; contradictions are refused. */
export function requestJson(binding: HttpBinding, parts: RequestParts): JsonValue {
  const schema = binding.method.input;
  const body = binding.body === '' ? {} : parseBody(parts.body);
  if (binding.body === '' && parts.body !== undefined && parts.body.length > 0) throw refuse('', 'body', 'this call takes no body');
  const json: JsonValue = binding.body === '*' || binding.body === '' ? body : { [binding.body]: body };
  if (!isObject(json)) return json;
  for (const [key, value] of parts.query) putQuery(schema, json, key, value, binding);
  for (const [path, value] of parts.variables) putOnce(schema, json, path, value, 'path-mismatch');
  if (parts.idempotencyKey !== undefined && fieldByKey(schema, 'request_id') !== undefined) putOnce(schema, json, 'request_id', parts.idempotencyKey, 'idempotency-key-mismatch');
  return json;
}

/** The object that holds the last field of a path, made on the way where it is missing. */
function descend(schema: DescMessage, json: JsonObject, path: string, rule: string): { holder: JsonObject; field: DescField } {
  let holder = json;
  let current = schema;
  const keys = path.split('.');
  for (const [index, key] of keys.entries()) {
    const field = fieldByKey(current, key);
    if (field === undefined) throw refuse(path, rule, `there is no field ${path}`);
    if (index === keys.length - 1) return { holder, field };
    if (field.fieldKind !== 'message') throw refuse(path, rule, `there is no field ${path}`);
    const name = nameIn(holder, field);
    const next = holder[name] ?? {};
    if (!isObject(next)) throw refuse(path, 'type', `${path} must be an object`);
    holder[name] = next;
    holder = next;
    current = field.message;
  }
  throw refuse(path, rule, `there is no field ${path}`);
}

/** The key under which an object already has a field, else its JSON name. */
const nameIn = (holder: JsonObject, field: DescField): string => (Object.hasOwn(holder, field.name) ? field.name : field.jsonName);

function putOnce(schema: DescMessage, json: JsonObject, path: string, value: string, rule: string): void {
  const { holder, field } = descend(schema, json, path, 'unknown-field');
  const name = nameIn(holder, field);
  const given = holder[name];
  if (given !== undefined && given !== null && given !== '' && given !== value) throw refuse(path, rule, `${path} is given twice with different values`);
  holder[name] = value;
}

function putQuery(schema: DescMessage, json: JsonObject, key: string, value: string, binding: HttpBinding): void {
  if (binding.body === '*') throw refuse(key, 'unknown-field', `this call takes no query parameter ${key}`);
  const { holder, field } = descend(schema, json, key, 'unknown-field');
  const name = nameIn(holder, field);
  if (field.fieldKind === 'list') {
    const list = holder[name] ?? [];
    if (Array.isArray(list)) list.push(queryValue(field, field.scalar, value));
    holder[name] = list;
  } else if (field.fieldKind === 'message' && !field.message.typeName.startsWith('google.protobuf.')) throw refuse(key, 'type', `${key} is no single value: name its fields`);
  else if (Object.hasOwn(holder, name)) throw refuse(key, 'repeated', `${key} is given more than once`);
  else holder[name] = queryValue(field, field.scalar, value);
}

/** Text of a query as the JSON that the strict reader expects; what does not fit is left for it to refuse. */
function queryValue(field: DescField, scalar: ScalarType | undefined, text: string): JsonValue {
  if (scalar === ScalarType.BOOL && (text === 'true' || text === 'false')) return text === 'true';
  const isEnum = field.fieldKind === 'enum' || (field.fieldKind === 'list' && field.listKind === 'enum');
  return isEnum && /^-?\d+$/.test(text) ? Number(text) : text;
}
