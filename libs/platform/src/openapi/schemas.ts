import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { Format } from '@skein/contracts/common';
import { FORMATS, rulesOf, type FieldRules } from '../validation/rules.js';

/** JSON Schema 2020-12, as OpenAPI 3.1 uses it. */
export type JsonSchema = { readonly [key: string]: unknown };

const INTEGER_64: JsonSchema = { type: 'string', pattern: '^-?\\d+$', format: 'int64' };
const SCALARS: Readonly<Record<number, JsonSchema>> = {
  [ScalarType.DOUBLE]: { type: 'number', format: 'double' },
  [ScalarType.FLOAT]: { type: 'number', format: 'float' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
};
const BITS_64: readonly ScalarType[] = [ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64];
const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?\\d+(\\.\\d+)?s$' },
  'google.protobuf.Empty': { type: 'object' },
  'google.protobuf.Struct': { type: 'object' },
  'google.protobuf.Value': {},
};

/** Collects the schemas of messages and enums that are referred to, by their full names. */
export class SchemaBook {
  readonly schemas: Record<string, JsonSchema> = {};
  readonly #comments: Readonly<Record<string, string>>;
  constructor(comments: Readonly<Record<string, string>> = {}) {
    this.#comments = comments;
  }

  /** `description` from the proto's comment, where there is one. */
  described(fullName: string): JsonSchema {
    const description = this.#comments[fullName];
    return description === undefined ? {} : { description };
  }

  /** A reference to the message's schema. */
  message(schema: DescMessage): JsonSchema {
    const known = WELL_KNOWN[schema.typeName];
    if (known !== undefined) return known;
    if (this.schemas[schema.typeName] === undefined) {
      // Taken before its fields are walked: a message may contain itself.
      this.schemas[schema.typeName] = {};
      this.schemas[schema.typeName] = this.object(schema);
    }
    return { $ref: `#/components/schemas/${schema.typeName}` };
  }

  /** The message's schema itself, without the fields that come from elsewhere; `optional` ones may come from elsewhere. */
  object(schema: DescMessage, without: ReadonlySet<string> = new Set(), optional: ReadonlySet<string> = new Set()): JsonSchema {
    const fields = rulesOf(schema).filter(({ field }) => !without.has(field.name));
    const required = fields.filter(({ field, rules }) => rules?.required === true && !optional.has(field.name)).map(({ field }) => field.jsonName);
    return {
      type: 'object',
      ...this.described(schema.typeName),
      properties: Object.fromEntries(fields.map((entry) => [entry.field.jsonName, this.field(entry)])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    };
  }

  /** Schema of one field, its rules included. */
  field(entry: FieldRules): JsonSchema {
    const { field, rules } = entry;
    const words = this.described(`${field.parent.typeName}.${field.name}`);
    const item = { ...this.#type(field), ...valueRules(entry) };
    if (field.fieldKind === 'list')
      return { type: 'array', ...words, items: item, ...((rules?.minItems ?? 0) > 0 ? { minItems: rules?.minItems } : {}), ...((rules?.maxItems ?? 0) > 0 ? { maxItems: rules?.maxItems } : {}) };
    if (field.fieldKind === 'map') return { type: 'object', ...words, additionalProperties: item };
    return { ...item, ...words };
  }

  #type(field: DescField): JsonSchema {
    const kind = field.fieldKind === 'list' ? field.listKind : field.fieldKind === 'map' ? field.mapKind : field.fieldKind;
    if (kind === 'message' && field.message !== undefined) return this.message(field.message);
    if (kind === 'enum' && field.enum !== undefined) return this.#enumeration(field.enum);
    const scalar = field.scalar ?? ScalarType.STRING;
    if (BITS_64.includes(scalar)) return INTEGER_64;
    return SCALARS[scalar] ?? { type: 'integer', format: 'int32' };
  }

  #enumeration(type: DescEnum): JsonSchema {
    this.schemas[type.typeName] ??= { type: 'string', ...this.described(type.typeName), enum: type.values.map(({ name }) => name) };
    return { $ref: `#/components/schemas/${type.typeName}` };
  }
}

function valueRules({ field, rules }: FieldRules): JsonSchema {
  if (rules === undefined) return {};
  const integer64 = field.scalar !== undefined && BITS_64.includes(field.scalar);
  const format = rules.format === Format.UNSPECIFIED ? undefined : FORMATS[rules.format];
  return {
    ...(rules.minLen > 0 ? { minLength: rules.minLen } : {}),
    ...(rules.maxLen > 0 ? { maxLength: rules.maxLen } : {}),
    ...(rules.pattern === '' ? {} : { pattern: `^(?:${rules.pattern})$` }),
    ...(format === undefined ? {} : { pattern: format.pattern.source, description: format.words }),
    ...(rules.min === undefined || integer64 ? {} : { minimum: Number(rules.min) }),
    ...(rules.max === undefined || integer64 ? {} : { maximum: Number(rules.max) }),
  };
}
