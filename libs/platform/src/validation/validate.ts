import type { DescEnum, DescField, DescMessage, DescOneof, Message, MessageShape } from '@bufbuild/protobuf';
import { Format } from '@skein/contracts/common';
import type { Violation } from '../errors/invalid-request.js';
import { FORMATS, rulesOf, type FieldRules } from './rules.js';

/** Proto-name path of a field below another. */
export const below = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/**
 * Everything that is wrong with a decoded message: its own field rules and those of the messages in it, and enum values
 * that the enum does not know. Paths use proto names.
 */
export function validateMessage<S extends DescMessage>(schema: S, message: MessageShape<S>): readonly Violation[] {
  const found: Violation[] = [];
  checkMessage(schema, message, '', found);
  return found;
}

/** A message read by field name; its shape comes from the descriptor. */
type Fields = Readonly<Record<string, unknown>>;

function valueOf(message: Message, field: DescField): unknown {
  const fields = message as unknown as Fields;
  if (field.oneof === undefined) return fields[field.localName];
  const choice = fields[(field.oneof satisfies DescOneof).localName] as { case?: string; value?: unknown } | undefined;
  return choice?.case === field.localName ? choice.value : undefined;
}

function checkMessage(schema: DescMessage, message: Message, path: string, found: Violation[]): void {
  for (const entry of rulesOf(schema)) {
    const value = valueOf(message, entry.field);
    const at = below(path, entry.field.name);
    if (isUnset(entry.field, value)) {
      if (entry.rules?.required === true && entry.field.oneof === undefined) found.push({ field: at, rule: 'required', message: `${at} is required` });
      else if ((entry.rules?.minItems ?? 0) > 0) checkCount(entry, 0, at, found);
      continue;
    }
    checkField(entry, value, at, found);
  }
}

function isUnset(field: DescField, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (field.fieldKind === 'list') return (value as readonly unknown[]).length === 0;
  if (field.fieldKind === 'map') return Object.keys(value).length === 0;
  if (field.fieldKind === 'message' || field.presence !== IMPLICIT) return value === '' && isRequired(field);
  return value === '' || value === 0 || value === 0n || value === false || (value instanceof Uint8Array && value.length === 0);
}

/** google.protobuf.FeatureSet.FieldPresence.IMPLICIT. */
const IMPLICIT = 2;
const isRequired = (field: DescField): boolean => rulesOf(field.parent).some((entry) => entry.field === field && entry.rules?.required === true);

function checkField(entry: FieldRules, value: unknown, at: string, found: Violation[]): void {
  const { field } = entry;
  if (field.fieldKind === 'list') {
    const items = value as readonly unknown[];
    checkCount(entry, items.length, at, found);
    items.forEach((item, index) => checkValue(entry, field.listKind === 'message' ? field.message : undefined, field.listKind === 'enum' ? field.enum : undefined, item, `${at}[${index}]`, found));
  } else if (field.fieldKind === 'map') {
    const items = Object.entries(value as Fields);
    checkCount(entry, items.length, at, found);
    for (const [key, item] of items) checkValue(entry, field.mapKind === 'message' ? field.message : undefined, field.mapKind === 'enum' ? field.enum : undefined, item, below(at, key), found);
  } else checkValue(entry, field.fieldKind === 'message' ? field.message : undefined, field.fieldKind === 'enum' ? field.enum : undefined, value, at, found);
}

function checkCount({ rules }: FieldRules, count: number, at: string, found: Violation[]): void {
  if (rules === undefined) return;
  if (count < rules.minItems) found.push({ field: at, rule: 'min-items', message: `${at} needs at least ${rules.minItems} item(s)` });
  if (rules.maxItems > 0 && count > rules.maxItems) found.push({ field: at, rule: 'max-items', message: `${at} takes at most ${rules.maxItems} item(s)` });
}

function checkValue(entry: FieldRules, schema: DescMessage | undefined, names: DescEnum | undefined, value: unknown, at: string, found: Violation[]): void {
  if (schema !== undefined) checkMessage(schema, value as Message, at, found);
  else if (names !== undefined) {
    if (names.value[value as number] === undefined) found.push({ field: at, rule: 'known-enum', message: `${at} is not a value of ${names.name}` });
  } else if (entry.rules !== undefined) checkScalar(entry, value, at, found);
}

function checkScalar({ rules, pattern }: FieldRules, value: unknown, at: string, found: Violation[]): void {
  if (rules === undefined) return;
  if (typeof value === 'string') {
    checkLength(rules, [...value].length, 'characters', at, found);
    if (pattern !== undefined && !pattern.test(value)) found.push({ field: at, rule: 'pattern', message: `${at} must match ${rules.pattern}` });
    const format = rules.format === Format.UNSPECIFIED ? undefined : FORMATS[rules.format];
    if (format !== undefined && !format.pattern.test(value)) found.push({ field: at, rule: 'format', message: `${at} must be ${format.words}` });
  } else if (value instanceof Uint8Array) checkLength(rules, value.length, 'bytes', at, found);
  else if (typeof value === 'number' || typeof value === 'bigint') checkRange(rules, value, at, found);
}

function checkLength(rules: { minLen: number; maxLen: number }, length: number, unit: string, at: string, found: Violation[]): void {
  if (length < rules.minLen) found.push({ field: at, rule: 'min-len', message: `${at} needs at least ${rules.minLen} ${unit}` });
  if (rules.maxLen > 0 && length > rules.maxLen) found.push({ field: at, rule: 'max-len', message: `${at} takes at most ${rules.maxLen} ${unit}` });
}

function checkRange(rules: { min?: bigint; max?: bigint }, value: number | bigint, at: string, found: Violation[]): void {
  // A comparison with NaN is false, so it is written to hold for good values only.
  if (rules.min !== undefined && !(value >= rules.min)) found.push({ field: at, rule: 'min', message: `${at} must be at least ${rules.min}` });
  else if (rules.max !== undefined && !(value <= rules.max)) found.push({ field: at, rule: 'max', message: `${at} must be at most ${rules.max}` });
}
