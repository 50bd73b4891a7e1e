import { getOption, hasOption, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { Format, rules as rulesOption, type Rules } from '@skein/contracts/common';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Patterns of the named formats, with the words for the error. */
export const FORMATS: Readonly<Record<number, { readonly pattern: RegExp; readonly words: string }>> = {
  [Format.UUID]: { pattern: UUID, words: 'a lower-case UUID' },
  [Format.SHA256]: { pattern: /^[0-9a-f]{64}$/, words: '64 lower-case hex digits' },
  [Format.WALLET]: { pattern: /^eip155:[1-9][0-9]{0,31}:0x[0-9a-fA-F]{40}$/, words: 'a CAIP-10 account such as eip155:1:0x…' },
  [Format.UNITS]: { pattern: /^(0|[1-9][0-9]{0,77})$/, words: 'a decimal integer of base units, zero or more' },
  [Format.POSITIVE_UNITS]: { pattern: /^[1-9][0-9]{0,77}$/, words: 'a decimal integer of base units, more than zero' },
  [Format.SLUG]: { pattern: /^[a-z0-9]+(-[a-z0-9]+)*$/, words: 'lower-case words joined by hyphens' },
};

/** Whether a string is a lower-case UUID. */
export const isUuid = (text: string): boolean => UUID.test(text);

/** Rules of a field, with its pattern compiled to match the whole string. */
export interface FieldRules {
  readonly field: DescField;
  readonly rules: Rules | undefined;
  readonly pattern: RegExp | undefined;
}

const cache = new WeakMap<DescMessage, readonly FieldRules[]>();

/** Rules of every field of a message, read from the descriptors once. */
export function rulesOf(schema: DescMessage): readonly FieldRules[] {
  const known = cache.get(schema);
  if (known !== undefined) return known;
  const found = schema.fields.map((field): FieldRules => {
    const rules = hasOption(field, rulesOption) ? getOption(field, rulesOption) : undefined;
    const pattern = rules === undefined || rules.pattern === '' ? undefined : new RegExp(`^(?:${rules.pattern})$`, 'u');
    return { field, rules, pattern };
  });
  cache.set(schema, found);
  return found;
}
