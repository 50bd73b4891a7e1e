import { StringValueSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { releaseOf } from '../test/support/schemas.js';
import { dataSchemaOf, schemaFingerprint } from './schema-fingerprint.js';

it('is the same for the same schema in another build', () => expect(schemaFingerprint(releaseOf('a', 'b'))).toBe(schemaFingerprint(releaseOf('a', 'b'))));

it('is another one where a field was added, however deep', () => expect(schemaFingerprint(releaseOf('a', 'b'))).not.toBe(schemaFingerprint(releaseOf('a'))));

it('ends for a schema that has itself in it', () => expect(schemaFingerprint(StructSchema)).toMatch(/^[0-9a-f]{16}$/));

it('names the message', () => expect(dataSchemaOf(StringValueSchema)).toMatch(/^urn:skein:schema:google\.protobuf\.StringValue:[0-9a-f]{16}$/));
