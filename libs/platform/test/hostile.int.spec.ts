import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodNote, refusal, session, stage, type Stage } from './harness.js';

let s: Stage;
let wallet: string;
beforeAll(async () => {
  s = await stage();
  wallet = await session();
});
afterAll(() => s.close());

/** Status line and body of a request written byte by byte. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(s.service.http.port ?? 0, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk))).on('close', () => resolve(answer)).on('error', reject);
    socket.write(text);
  });
}

test('a path that is no URL is a problem', async () => {
  const answer = await raw('GET /test/v1/notes/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 40[04]/);
  expect(answer).toContain('application/problem+json');
});

test.each(['{', '', 'null', '[]', '{"title":', '"text"', '\u0000', '{"a":1}{"b":2}'])('the body %j is refused by name', async (body) => {
  const answer = await s.rest('POST', '/test/v1/notes', { raw: body, headers: { authorization: wallet } });
  expect(answer.json).toMatchObject({ status: 400, code: 'invalid-argument' });
});

test('bytes that are no UTF-8', async () => {
  const response = await fetch(`${s.url}/test/v1/notes`, { method: 'POST', body: new Uint8Array([123, 255, 125]), headers: { authorization: wallet, 'content-type': 'application/json' } });
  expect(await response.json()).toMatchObject({ status: 400, rule: 'json' });
});

test('keys of prototypes are unknown fields', async () => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const body = JSON.stringify(goodNote()).replace('{', `{${JSON.stringify(key)}:{"x":1},`);
    expect((await s.rest('POST', '/test/v1/notes', { raw: body, headers: { authorization: wallet } })).json).toMatchObject({ field: key, rule: 'unknown-field' });
    expect((await s.rest('GET', `/test/v1/notes?${key}.x=1`)).json).toMatchObject({ status: 400, rule: 'unknown-field' });
  }
});

test('random bytes as a gRPC request are refused or read, and the server goes on', async () => {
  const client = new Client(`127.0.0.1:${s.service.grpcPort}`, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  const call = (bytes: Buffer): Promise<number> =>
    new Promise((resolve) => {
      client.makeUnaryRequest('/skein.test.v1.NoteService/UpdateNote', asIs, asIs, bytes, (error) => resolve(error?.code ?? 0));
    });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      expect([0, 3]).toContain(await call(Buffer.from(bytes)));
    }),
    { numRuns: 200 },
  );
  client.close();
  expect((await s.grpc().listNotes({})).notes).toHaveLength(1);
});

test('a handler that answers what its schema does not allow is an internal error', async () => {
  expect(await refusal(s.grpc().fail({ code: 'no-such-code' }))).toMatchObject({ code: 'internal' });
  expect((await s.rest('POST', '/test/v1/fail', { body: { code: 'no-such-code' } })).json).toMatchObject({ status: 500, code: 'internal' });
});
