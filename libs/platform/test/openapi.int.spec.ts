import { OperationsService } from '@skein/contracts/operations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stage, type Stage } from './harness.js';

type Json = Record<string, unknown>;
let s: Stage;
let document: { openapi: string; paths: Record<string, Record<string, Json>>; components: { schemas: Record<string, Json>; securitySchemes: Json } };
beforeAll(async () => {
  s = await stage();
  document = (await s.rest('GET', '/test/openapi.json')).json as typeof document;
});
afterAll(() => s.close());

/** Every value of a key, anywhere in a tree. */
function* valuesOf(tree: unknown, key: string): Generator<unknown> {
  if (typeof tree !== 'object' || tree === null) return;
  for (const [name, value] of Object.entries(tree)) {
    if (name === key) yield value;
    yield* valuesOf(value, key);
  }
}

test('OpenAPI 3.1 with every REST call once', () => {
  expect(document.openapi).toBe('3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => `${verb} ${path}`));
  // Every service also answers an operator's questions, under its own context.
  const shared = operations.filter((operation) => operation.includes(' /{context}/v1/'));
  expect(shared).toHaveLength(OperationsService.methods.length);
  expect(operations.sort()).toEqual(['get /test/v1/notes', 'get /test/v1/notes/{note}', 'get /test/v1/notes:watch', 'get /test/v1/undeclared', 'get /test/v1/unserved', 'get /test/v1/wait', 'patch /test/v1/notes/{note}', 'post /test/v1/fail', 'post /test/v1/notes', 'post /test/v1/notes/{note}:approve', ...shared].sort());
  const ids = [...valuesOf(document.paths, 'operationId')];
  expect(new Set(ids).size).toBe(ids.length);
});

test('every reference leads somewhere', () => {
  for (const reference of valuesOf(document, '$ref')) expect(document.components.schemas).toHaveProperty([String(reference).replace('#/components/schemas/', '')]);
});

test('every parameter of a path is declared, and required', () => {
  for (const [path, verbs] of Object.entries(document.paths))
    for (const operation of Object.values(verbs)) {
      const declared = (operation['parameters'] as { name: string; in: string; required: boolean }[]).filter((parameter) => parameter.in === 'path');
      expect(declared.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
});

test('a command: rules, security, errors, idempotency', () => {
  const create = document.paths['/test/v1/notes']?.['post'];
  expect(create).toMatchObject({ security: [{ wallet: ['notes.write'] }, { organisation: ['notes.write'] }], 'x-skein-scope': 'notes.write' });
  expect(create?.['parameters']).toMatchObject([{ name: 'Idempotency-Key', in: 'header', schema: { format: 'uuid' } }]);
  expect(Object.keys(create?.['responses'] as Json)).toEqual(['200', '400', '401', '402', '403', '404', '409', '429', '500', '503', '504']);
  const body = [...valuesOf(create?.['requestBody'], 'schema')][0] as Json;
  expect(body).toMatchObject({
    required: ['title', 'state', 'price'],
    additionalProperties: false,
    properties: {
      title: { type: 'string', minLength: 2, maxLength: 20, pattern: '^(?:[A-Za-z ]+)$' },
      parts: { type: 'array', minItems: 1, maxItems: 3, items: { $ref: '#/components/schemas/skein.test.v1.Part' } },
      big: { type: 'string', format: 'int64' },
      ratio: { type: 'number', minimum: 0, maximum: 1 },
      due: { type: 'string', format: 'date-time' },
      byName: { type: 'object', additionalProperties: { $ref: '#/components/schemas/skein.test.v1.Part' } },
    },
  });
  expect(document.components.schemas['skein.test.v1.State']).toEqual({ type: 'string', enum: ['STATE_UNSPECIFIED', 'STATE_DRAFT', 'STATE_DONE'] });
});

test('queries and partial bodies', () => {
  const list = document.paths['/test/v1/notes']?.['get'];
  expect((list?.['parameters'] as { name: string }[]).map(({ name }) => name)).toEqual(['pageSize', 'pageToken', 'filter.state', 'filter.text', 'labels', 'deep']);
  expect(list?.['security']).toEqual([{}]);
  const update = document.paths['/test/v1/notes/{note}']?.['patch'];
  expect([...valuesOf(update?.['requestBody'], 'schema')][0]).toEqual({ $ref: '#/components/schemas/skein.test.v1.Note' });
  expect((update?.['parameters'] as { name: string }[]).map(({ name }) => name)).toEqual(['note', 'dryRun']);
});

test('an RPC that declares no access names no scheme that opens it', () => {
  expect(document.paths['/test/v1/undeclared']?.['get']).toMatchObject({ 'x-skein-roles': [], security: [] });
});

test('descriptions are the comments of the protos', async () => {
  expect(document.components.schemas['skein.common.v1.Amount']).toMatchObject({ description: 'An amount of money or stake in base units.' });
  const { comments } = await import('@skein/contracts/comments');
  expect(comments['skein.common.v1.Amount.units']).toBe('Decimal string of base units.');
});
