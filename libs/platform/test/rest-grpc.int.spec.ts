import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERROR_TABLE } from '../src/index.js';
import { State } from './gen/skein/test/v1/notes_pb.js';
import { apiKey, goodNote, OPERATOR_TOKEN, refusal, REQUEST_ID, session, stage, type Stage } from './harness.js';

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(() => s.close());

const operator = `Bearer ${OPERATOR_TOKEN}`;
const note = { requestId: REQUEST_ID, title: 'a note', state: State.DRAFT, price: { asset: 'FLOCK', units: '1' }, parts: [{ key: 'one' }], big: 7n };

describe('one error, two transports', () => {
  for (const [code, row] of Object.entries(ERROR_TABLE))
    test(`${code} is ${row.http} on REST and ${row.grpc} on gRPC, with rule and field`, async () => {
      const over = await refusal(s.grpc().fail({ code, field: 'price.units' }));
      const answer = await s.rest('POST', '/test/v1/fail', { body: { code, field: 'price.units' } });
      expect(over).toMatchObject({ code, rule: 'some-rule', field: 'price.units', message: `refused with ${code}` });
      expect(answer.status).toBe(row.http);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.json).toMatchObject({ status: row.http, title: row.title, code, rule: 'some-rule', field: 'price.units', detail: over.message, retriable: row.retriable });
      expect(answer.json['correlationId']).toBe(answer.headers.get('x-correlation-id'));
    });

  test('an unexpected error tells nothing', async () => {
    const answer = await s.rest('POST', '/test/v1/fail', { body: { code: 'unexpected' } });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('recipe');
    const over = await refusal(s.grpc().fail({ code: 'unexpected' }));
    expect(over).toMatchObject({ code: 'internal', message: 'internal error' });
  });

  test('a database that goes away is unavailable and retriable', async () => {
    expect(await refusal(s.grpc().fail({ code: 'database' }))).toMatchObject({ code: 'unavailable', retriable: true });
    const answer = await s.rest('POST', '/test/v1/fail', { body: { code: 'database' } });
    expect(answer.json).toMatchObject({ status: 503, retriable: true });
    expect(answer.text).not.toContain('10.0.0.7');
  });

  test('an RPC without a handler is unimplemented', async () => {
    expect((await s.rest('GET', '/test/v1/unserved')).status).toBe(501);
    expect(await refusal(s.grpc().unserved({}))).toMatchObject({ rule: 'unimplemented' });
  });
});

describe('REST', () => {
  test('path, body and header become the request; 64-bit numbers are strings', async () => {
    const { requestId: _, ...body } = goodNote();
    const answer = await s.rest('POST', '/test/v1/notes', { body: { ...body, big: '9000000000000000000' }, headers: { authorization: await session(), 'idempotency-key': REQUEST_ID } });
    expect(answer.json).toEqual({ name: 'notes/1', title: 'a note', state: 'STATE_DRAFT', big: '9000000000000000000', body: '' });
    expect(s.probe.calls.at(-1)?.requestId).toBe(REQUEST_ID);
  });

  test('snake_case names are read as well', async () => {
    const answer = await s.rest('POST', '/test/v1/notes', { body: { ...goodNote(), requestId: undefined, request_id: REQUEST_ID }, headers: { authorization: apiKey('good1234') } });
    expect(answer.status).toBe(200);
    expect(s.probe.calls.at(-1)?.identity).toEqual({ kind: 'organisation', organisation: 'org-1', scopes: ['notes.write'], keyPrefix: 'good1234' });
  });

  test('a custom verb on a resource name', async () => {
    const answer = await s.rest('POST', '/test/v1/notes/7:approve', { headers: { authorization: operator, 'idempotency-key': REQUEST_ID } });
    expect(answer.json).toMatchObject({ name: 'notes/7', title: 'approved' });
  });

  test('query parameters: numbers, nested, repeated, booleans, enums', async () => {
    const answer = await s.rest('GET', '/test/v1/notes?page_size=5&filter.state=STATE_DONE&filter.text=x%20y&labels=a&labels=b&deep=true');
    expect(answer.json).toEqual({ notes: [{ name: 'notes/1', title: '', state: 'STATE_UNSPECIFIED', big: '0', body: '' }], nextPageToken: '' });
    expect(s.probe.requests.at(-1)).toMatchObject({ pageSize: 5, filter: { state: State.DONE, text: 'x y' }, labels: ['a', 'b'], deep: true });
  });

  test.each([
    ['?page_size=many', 'page_size', 'type'],
    ['?page_size=-1', 'page_size', 'min'],
    ['?page_size=101', 'page_size', 'max'],
    ['?unknown=1', 'unknown', 'unknown-field'],
    ['?filter.state=NEW', 'filter.state', 'known-enum'],
    ['?deep=yes', 'deep', 'type'],
    ['?page_size=1&page_size=2', 'page_size', 'repeated'],
    ['?filter=x', 'filter', 'type'],
  ])('query %s is refused for %s by %s', async (query, field, rule) => {
    expect((await s.rest('GET', `/test/v1/notes${query}`)).json).toMatchObject({ status: 400, field, rule });
  });

  test('a body that is one field, its name in the path, the rest in the query', async () => {
    const answer = await s.rest('PATCH', '/test/v1/notes/5?dry_run=true', { body: { title: 'new' } });
    expect(answer.json).toMatchObject({ name: 'notes/5', title: 'new?' });
    const other = await s.rest('PATCH', '/test/v1/notes/5', { body: { name: 'notes/6', title: 'new' } });
    expect(other.json).toMatchObject({ status: 400, field: 'note.name', rule: 'path-mismatch' });
  });

  test('unknown routes, verbs and media types are problems', async () => {
    expect((await s.rest('GET', '/test/v1/nothing')).json).toMatchObject({ status: 404, rule: 'route' });
    expect((await s.rest('GET', '/elsewhere')).json).toMatchObject({ status: 404, rule: 'route', code: 'not-found' });
    const verb = await s.rest('DELETE', '/test/v1/notes/5');
    expect(verb.status).toBe(404);
    expect(verb.headers.get('allow')).toBe('GET, PATCH');
    const media = await s.rest('POST', '/test/v1/notes', { raw: 'title=1', headers: { 'content-type': 'text/plain' } });
    expect(media.json).toMatchObject({ status: 415, rule: 'content-type' });
  });

  test('a body past the limit is 413, and RESOURCE_EXHAUSTED on gRPC', async () => {
    const long = 'x'.repeat(70_000);
    expect((await s.rest('POST', '/test/v1/fail', { body: { code: long } })).json).toMatchObject({ status: 413, rule: 'body-limit' });
    expect(await refusal(s.grpc().fail({ code: long }))).toMatchObject({ code: 'resource-exhausted' });
  });

  test('a correlation id is kept, a bad one replaced', async () => {
    const kept = await s.rest('GET', '/test/v1/notes', { headers: { 'x-correlation-id': 'order-4711-abc' } });
    expect(kept.headers.get('x-correlation-id')).toBe('order-4711-abc');
    const replaced = await s.rest('GET', '/test/v1/notes', { headers: { 'x-correlation-id': 'a b' } });
    expect(replaced.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('idempotency', () => {
  const create = async (body: Record<string, unknown>, key?: string) =>
    s.rest('POST', '/test/v1/notes', { body, headers: { authorization: await session(), ...(key === undefined ? {} : { 'idempotency-key': key }) } });

  test('a command without a key is refused, on both transports alike', async () => {
    expect((await create({ ...goodNote(), requestId: undefined })).json).toMatchObject({ status: 400, field: 'request_id', rule: 'required' });
    expect(await refusal(s.grpc(await session()).createNote({ ...note, requestId: '' }))).toMatchObject({ field: 'request_id', rule: 'required' });
  });

  test('a key that is no UUID, and two keys that differ', async () => {
    expect((await create({ ...goodNote(), requestId: undefined }, 'abc')).json).toMatchObject({ field: 'request_id', rule: 'format' });
    expect((await create(goodNote(), '018f0000-0000-7000-8000-000000000002')).json).toMatchObject({ field: 'request_id', rule: 'idempotency-key-mismatch' });
    expect((await create(goodNote(), REQUEST_ID)).status).toBe(200);
  });

  test('equal requests have one hash whatever their transport and key; others have another', async () => {
    await create(goodNote());
    await s.grpc(await session()).createNote({ ...note, price: { asset: 'FLOCK', units: '1000000000000000000000000000' }, parts: [{ key: 'one', count: 1n }], requestId: '018f0000-0000-7000-8000-000000000003' });
    await create({ ...goodNote(), title: 'another' });
    const [rest, grpc, other] = s.probe.calls.slice(-3);
    expect(grpc?.requestHash).toBe(rest?.requestHash);
    expect(other?.requestHash).not.toBe(rest?.requestHash);
    expect(rest?.key('notes')).toEqual({ scope: expect.stringMatching(/^notes\/wallet:eip155:31337:0x[0-9a-f]{40}$/), key: REQUEST_ID, requestHash: rest?.requestHash });
    expect(rest?.key('notes', { forever: true }).forever).toBe(true);
  });

  test('metadata carries actor, tenant, key and trace', async () => {
    await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization: await session(), traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'x-correlation-id': 'correlation-1' } });
    const metadata = s.probe.calls.at(-1)?.metadata();
    expect(metadata).toMatchObject({ correlationId: 'correlation-1', actor: expect.stringMatching(/^wallet:eip155:/), tenant: expect.stringMatching(/^eip155:/), idempotencyKey: REQUEST_ID });
    expect(metadata?.traceparent).toMatch(new RegExp(`^00-${'a'.repeat(32)}-(?!b{16})[0-9a-f]{16}-01$`));
  });
});

test("another tenant's resource cannot be told from a missing one", async () => {
  const authorization = await session();
  const foreign = await s.rest('GET', '/test/v1/notes/foreign', { headers: { authorization, 'x-correlation-id': 'same-id-0' } });
  const missing = await s.rest('GET', '/test/v1/notes/missing', { headers: { authorization, 'x-correlation-id': 'same-id-0' } });
  expect(foreign.status).toBe(404);
  expect(foreign.text).toBe(missing.text);
  expect(await refusal(s.grpc(authorization).getNote({ name: 'notes/foreign' }))).toEqual(await refusal(s.grpc(authorization).getNote({ name: 'notes/missing' })));
});
