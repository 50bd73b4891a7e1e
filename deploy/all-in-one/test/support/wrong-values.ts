import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';

/** A JSON body with one thing wrong in it, and what the answer must name. */
export interface WrongValue {
  readonly body: Record<string, unknown>;
  readonly field: string;
  readonly rule: 'type' | 'range' | 'known-enum';
}

const DEPTH_MAX = 4;
const PAST_64_BITS = '99999999999999999999';
const INTEGERS = new Set([ScalarType.INT32, ScalarType.INT64, ScalarType.UINT32, ScalarType.UINT64]);

interface Wrong {
  readonly value: unknown;
  readonly rule: WrongValue['rule'];
}

function wrongScalars(type: ScalarType): Wrong[] {
  if (type === ScalarType.STRING || type === ScalarType.BYTES) return [{ value: 7, rule: 'type' }, { value: { a: 1 }, rule: 'type' }];
  if (type === ScalarType.BOOL) return [{ value: 'yes', rule: 'type' }];
  if (INTEGERS.has(type)) return [{ value: 'many', rule: 'type' }, { value: true, rule: 'type' }, { value: PAST_64_BITS, rule: 'range' }, { value: `-${PAST_64_BITS}`, rule: 'range' }];
  return [{ value: 'many', rule: 'type' }];
}

function wrongsOf(field: DescField): Wrong[] {
  if (field.fieldKind === 'list') return [{ value: { a: 1 }, rule: 'type' }, { value: 'text', rule: 'type' }];
  if (field.fieldKind === 'map') return [{ value: ['a'], rule: 'type' }];
  if (field.fieldKind === 'enum') return [{ value: 'LUCK', rule: 'known-enum' }, { value: 987_654, rule: 'known-enum' }];
  if (field.fieldKind === 'message') return [{ value: 'text', rule: 'type' }, { value: ['a'], rule: 'type' }];
  return wrongScalars(field.scalar);
}

/** Every field of the message and of those in it, each with values of a wrong kind, an unknown word, or a number past its bits. */
export function wrongValues(message: DescMessage, except: readonly string[] = [], depth = 0): WrongValue[] {
  if (depth > DEPTH_MAX) return [];
  return message.fields
    .filter(({ name }) => !except.includes(name))
    .flatMap((field) => {
      const own = wrongsOf(field).map(({ value, rule }) => ({ body: { [field.jsonName]: value }, field: field.name, rule }));
      const inner = field.fieldKind === 'message' ? wrongValues(field.message, [], depth + 1) : [];
      return [...own, ...inner.map(({ body, field: below, rule }) => ({ body: { [field.jsonName]: body }, field: `${field.name}.${below}`, rule }))];
    });
}
