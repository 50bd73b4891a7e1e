import { createHash } from 'node:crypto';
import { toBinary, type DescMessage } from '@bufbuild/protobuf';
import { DescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

const FINGERPRINT_BYTES = 8;
const known = new WeakMap<DescMessage, string>();

/** The schema and all it is made of, each once, in an order that depends on the schema alone. */
function parts(schema: DescMessage, seen = new Set<DescMessage>()): Set<DescMessage> {
  if (seen.has(schema)) return seen;
  seen.add(schema);
  for (const { message } of schema.fields) if (message !== undefined) parts(message, seen);
  return seen;
}

/** Tells two builds' schemas of a message apart: 16 hexadecimal digits of a hash over all that it is made of. */
export function schemaFingerprint(schema: DescMessage): string {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const hash = createHash('sha256');
  for (const part of parts(schema)) hash.update(part.typeName).update('\0').update(toBinary(DescriptorProtoSchema, part.proto));
  const fingerprint = hash.digest().subarray(0, FINGERPRINT_BYTES).toString('hex');
  known.set(schema, fingerprint);
  return fingerprint;
}

/** What a sender says of the schema it has written a message with: CloudEvents' `dataschema`. */
export const dataSchemaOf = (schema: DescMessage): string => `urn:skein:schema:${schema.typeName}:${schemaFingerprint(schema)}`;
