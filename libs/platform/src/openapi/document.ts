import type { DescMessage } from '@bufbuild/protobuf';
import { accessOf, type CallerRole } from '../access.js';
import { ERROR_TABLE } from '../errors/table.js';
import { PROBLEM_TYPE } from '../errors/problem.js';
import type { HttpBinding } from '../rest/bindings.js';
import { fieldByKey } from '../validation/read-json.js';
import { rulesOf, type FieldRules } from '../validation/rules.js';
import { SchemaBook, type JsonSchema } from './schemas.js';

/** What a document is made from. */
export interface DocumentSource {
  readonly context: string;
  readonly bindings: readonly HttpBinding[];
  readonly artifacts: boolean;
  /** Comments by full proto name, as `@skein/contracts/comments` holds them. */
  readonly comments?: Readonly<Record<string, string>>;
}

const SCHEMES: Readonly<Record<string, JsonSchema>> = {
  wallet: { type: 'http', scheme: 'bearer', bearerFormat: 'siwe.<base64url(EIP-4361 message)>.<signature hex>', description: 'A wallet session: a signed EIP-4361 message, at most 24 hours, scopes as resources urn:skein:scope:<scope>.' },
  organisation: { type: 'http', scheme: 'bearer', bearerFormat: 'sk_<prefix>_<secret>', description: 'An API key of an organisation.' },
  operator: { type: 'http', scheme: 'bearer', bearerFormat: 'op_<secret>', description: 'The platform operator.' },
};

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457 problem.',
  required: ['type', 'title', 'status', 'detail', 'code', 'rule', 'retriable', 'correlationId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(ERROR_TABLE) },
    rule: { type: 'string', description: 'kebab-case name of the rule that was broken' },
    field: { type: 'string', description: 'path of the field that is wrong' },
    retriable: { type: 'boolean' },
    correlationId: { type: 'string' },
    errors: { type: 'array', items: { type: 'object', required: ['field', 'rule', 'message'], properties: { field: { type: 'string' }, rule: { type: 'string' }, message: { type: 'string' } } } },
  },
};

const problemResponse = (description: string): JsonSchema => ({ description, content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } } });

/** One response per HTTP status of the errors table. */
function errorResponses(): Record<string, JsonSchema> {
  const byStatus = new Map<number, string[]>();
  for (const [code, { http }] of Object.entries(ERROR_TABLE)) byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  return Object.fromEntries([...byStatus].sort(([a], [b]) => a - b).map(([http, codes]) => [String(http), problemResponse(codes.join(', '))]));
}

function security(roles: readonly CallerRole[], scope: string): readonly JsonSchema[] {
  if (roles.includes('anyone')) return [{}];
  return roles.filter((role) => role in SCHEMES).map((role) => ({ [role]: scope === '' || role === 'operator' ? [] : [scope] }));
}

/** Query parameters: the fields that neither path nor body carry; fields of messages by their dotted path. */
function queryParameters(schema: DescMessage, book: SchemaBook, without: ReadonlySet<string>, prefix = ''): JsonSchema[] {
  return rulesOf(schema)
    .filter(({ field }) => !without.has(prefix + field.name))
    .flatMap((entry: FieldRules): JsonSchema[] => {
      const { field, rules } = entry;
      const nested = field.fieldKind === 'message' && !field.message.typeName.startsWith('google.protobuf.');
      if (nested) return prefix === '' ? queryParameters(field.message, book, new Set(), `${field.jsonName}.`) : [];
      if (field.fieldKind === 'map') return [];
      return [{ name: prefix + field.jsonName, in: 'query', required: rules?.required === true && prefix === '', schema: book.field(entry) }];
    });
}

function operation(binding: HttpBinding, book: SchemaBook, suffix: string): JsonSchema {
  const { method, template, body } = binding;
  const { roles, scope, command } = accessOf(method);
  const inPath = new Set(template.fields);
  const path = template.parameters.map(({ name, field }) => ({ name, in: 'path', required: true, description: `part of ${field}`, schema: { type: 'string' } }));
  const header = command ? [{ name: 'Idempotency-Key', in: 'header', required: false, description: 'UUID; the same as requestId, of which one must be given', schema: { type: 'string', format: 'uuid' } }] : [];
  const query = body === '*' ? [] : queryParameters(method.input, book, new Set([...inPath, body]));
  const bodyField = body === '' || body === '*' ? undefined : fieldByKey(method.input, body);
  const schema = body === '*' ? book.object(method.input, inPath, new Set(['request_id'])) : bodyField?.message === undefined ? undefined : book.message(bodyField.message);
  const streamed = method.methodKind === 'server_streaming';
  return {
    operationId: `${method.parent.name}_${method.name}${suffix}`,
    tags: [method.parent.name],
    ...book.described(`${method.parent.typeName}.${method.name}`),
    ...(scope === '' ? {} : { 'x-skein-scope': scope }),
    'x-skein-roles': roles,
    security: security(roles, scope),
    parameters: [...path, ...query, ...header],
    ...(schema === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema } } } }),
    responses: { 200: { description: streamed ? 'JSON lines: {"result": …}' : 'OK', content: { [streamed ? 'application/x-ndjson' : 'application/json']: { schema: book.message(method.output) } } }, ...errorResponses() },
  };
}

function artifactPath(): JsonSchema {
  const parameters = [{ name: 'sha256', in: 'path', required: true, schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } }];
  const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  const access = { parameters, tags: ['Artifacts'], security: security(['wallet', 'organisation', 'operator'], '') };
  const info: JsonSchema = { type: 'object', properties: { sha256: { type: 'string' }, sizeBytes: { type: 'string' }, mediaType: { type: 'string' } } };
  return {
    put: { operationId: 'uploadArtifact', ...access, requestBody: { required: true, content: bytes }, responses: { 200: { description: 'kept', content: { 'application/json': { schema: info } } }, ...errorResponses() } },
    get: { operationId: 'downloadArtifact', ...access, responses: { 200: { description: 'the bytes', content: bytes }, ...errorResponses() } },
  };
}

/** OpenAPI 3.1 of a context's REST, from the descriptors that serve it. */
export function openApiDocument({ context, bindings, artifacts, comments = {} }: DocumentSource): JsonSchema {
  const book = new SchemaBook(comments);
  const paths: Record<string, Record<string, unknown>> = {};
  const seen = new Map<string, number>();
  for (const binding of [...bindings].sort((a, b) => (a.template.openApiPath < b.template.openApiPath ? -1 : 1))) {
    const id = `${binding.method.parent.name}_${binding.method.name}`;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    (paths[binding.template.openApiPath] ??= {})[binding.verb.toLowerCase()] = operation(binding, book, count === 1 ? '' : `_${count}`);
  }
  if (artifacts) paths[`/${context}/v1/artifacts/{sha256}`] = artifactPath();
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: { title: `Skein ${context}`, version: 'v1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: { securitySchemes: SCHEMES, schemas: { ...book.schemas, Problem: PROBLEM } },
  };
}
