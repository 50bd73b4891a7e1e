import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { walkAccessMatrix } from '../src/index.js';
import { account, apiKey, definition, goodNote, OPERATOR_TOKEN, refusal, REQUEST_ID, session, SERVICE_SECRET, sha256, stage, type Stage } from './harness.js';
import { Probe } from './note-api.js';

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(() => s.close());

const operator = `Bearer ${OPERATOR_TOKEN}`;
const DAY_MS = 24 * 3_600_000;
const flip = (hex: string): string => hex.slice(0, -3) + (hex.at(-3) === '0' ? '1' : '0') + hex.slice(-2);

/** Status and rule of GetNote with a credential, after checking that gRPC says the same. */
async function attempt(authorization: string): Promise<{ status: number; rule: unknown }> {
  const answer = await s.rest('GET', '/test/v1/notes/1', { headers: { authorization } });
  if (answer.status !== 200) {
    const over = await refusal(s.grpc(authorization).getNote({ name: 'notes/1' }));
    expect({ code: over.code, rule: over.rule, message: over.message }).toEqual({ code: answer.json['code'], rule: answer.json['rule'], message: answer.json['detail'] });
    expect(answer.text).not.toContain(authorization.slice(20, 60));
  }
  return { status: answer.status, rule: answer.json['rule'] };
}

describe('wallet sessions', () => {
  test('a good one is accepted, also the second time from memory', async () => {
    const token = await session();
    expect((await attempt(token)).status).toBe(200);
    expect((await attempt(token)).status).toBe(200);
    expect(s.probe.calls.at(-1)?.identity).toEqual({ kind: 'wallet', wallet: `eip155:31337:${account.address.toLowerCase()}`, scopes: ['notes.write'] });
  });

  test.each<[string, Parameters<typeof session>[0], string]>([
    ['expired', { issuedAtMs: Date.UTC(2024, 0, 1), lifeMs: 3_600_000 }, 'session-expired'],
    ['not valid yet', { issuedAtMs: Date.UTC(2124, 0, 1) }, 'session-not-yet-valid'],
    ['longer than a day', { lifeMs: DAY_MS + 1_000 }, 'session-lifetime'],
    ['without an expiry', { expiry: false }, 'session-format'],
    ['for another domain', { domain: 'evil.test' }, 'session-domain'],
    ['for another chain', { chainId: 1 }, 'session-chain'],
    ['with a changed signature', { tamper: flip }, 'session-signature'],
    ['with a changed message', { tamper: (token) => token.replace(/\.([^.]+)\./, (_, body: string) => `.${Buffer.from(Buffer.from(body, 'base64url').toString().replace('notes.write', 'notes.admin')).toString('base64url')}.`) }, 'session-signature'],
    ['with something behind it', { tamper: (token) => token.replace(/\.([^.]+)\./, (_, body: string) => `.${Buffer.from(`${Buffer.from(body, 'base64url').toString()}\nmore`).toString('base64url')}.`) }, 'session-format'],
    ['with a truncated signature', { tamper: (token) => token.slice(0, -2) }, 'session-format'],
    ['that is no message', { tamper: () => 'siwe.aGVsbG8.0x00' }, 'session-format'],
  ])('one that is %s is refused', async (_, options, rule) => {
    expect(await attempt(await session(options))).toEqual({ status: 401, rule });
  });

  test('without the scope', async () => {
    const answer = await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization: await session({ scopes: ['notes.read'] }) } });
    expect(answer.json).toMatchObject({ status: 403, code: 'permission-denied', rule: 'scope' });
  });
});

describe('other credentials', () => {
  test.each([
    ['a key without the scope', apiKey('noscope1'), 403, 'scope'],
    ['a wrong secret', apiKey('good1234', 'another-long-secret-'), 401, 'api-key'],
    ['an unknown prefix', apiKey('unknown1'), 401, 'api-key'],
    ['a revoked key', apiKey('revoked1'), 401, 'api-key'],
    ['an expired key', apiKey('expired1'), 401, 'api-key-expired'],
    ['a malformed key', 'Bearer sk_x', 401, 'api-key'],
    ['a wrong operator token', 'Bearer op_wrong', 401, 'operator-token'],
    ['another scheme', 'Basic abc', 401, 'bearer-scheme'],
    ['another kind of token', 'Bearer abc', 401, 'token-kind'],
    ['a service token on the public port', 'Bearer svc.a.b', 401, 'token-kind'],
  ])('%s', async (_, authorization, status, rule) => {
    const answer = await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization } });
    expect(answer.json).toMatchObject({ status, rule });
    expect(await refusal(s.grpc(authorization).createNote({ requestId: REQUEST_ID }))).toMatchObject({ rule });
  });

  test('the operator opens what lists it, and no more', async () => {
    const approve = await s.rest('POST', '/test/v1/notes/1:approve', { body: { requestId: REQUEST_ID }, headers: { authorization: operator } });
    expect(approve.status).toBe(200);
    const create = await s.rest('POST', '/test/v1/notes', { body: goodNote(), headers: { authorization: operator } });
    expect(create.json).toMatchObject({ status: 403, rule: 'role' });
  });

  test('a 401 names the scheme', async () => {
    const answer = await s.rest('GET', '/test/v1/notes/1');
    expect(answer.json).toMatchObject({ status: 401, rule: 'credentials-required', field: 'authorization' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });
});

describe('order of checks: authenticate, authorise, validate, handle', () => {
  test('a bad request tells a stranger nothing about its fields', async () => {
    expect((await s.rest('POST', '/test/v1/notes', { raw: '{', headers: { authorization: 'Bearer op_wrong' } })).json).toMatchObject({ status: 401 });
    expect((await s.rest('POST', '/test/v1/notes', { raw: '{', headers: { authorization: operator } })).json).toMatchObject({ status: 403 });
    expect((await s.rest('POST', '/test/v1/notes', { raw: '{', headers: { authorization: await session() } })).json).toMatchObject({ status: 400, rule: 'json' });
  });
});

describe('every call × every role', () => {
  const matrix = walkAccessMatrix(definition(new Probe()).contexts);

  test('the matrix lists every RPC', () => {
    expect(matrix.map(({ name }) => name.split('/')[1])).toEqual(['CreateNote', 'GetNote', 'UpdateNote', 'ApproveNote', 'ListNotes', 'Fail', 'Wait', 'WatchNotes', 'CollectNotes', 'EchoNotes', 'Unserved', 'Undeclared', 'WhoAmI']);
    expect(matrix.find(({ name }) => name.endsWith('CreateNote'))).toMatchObject({ roles: ['wallet', 'organisation'], scope: 'notes.write', command: true, internal: false });
    expect(matrix.find(({ name }) => name.endsWith('Undeclared'))?.roles).toEqual([]);
  });

  test('a public unary call is open to exactly the roles it lists', async () => {
    const credentials = { anonymous: undefined, wallet: await session(), organisation: apiKey('good1234'), operator };
    for (const entry of matrix.filter(({ internal, method }) => !internal && method.methodKind === 'unary' && !['wait', 'unserved'].includes(method.localName)))
      for (const [role, authorization] of Object.entries(credentials)) {
        const client = s.grpc(authorization);
        const call = client[entry.method.localName as 'getNote']({});
        const outcome = await call.then(() => ({ code: 'ok' }), (error: { rejection: { code: string } }) => error.rejection);
        const open = entry.roles.includes('anyone') || entry.roles.some((name) => name === role);
        const denied = ['unauthenticated', 'permission-denied'].includes(outcome.code) && !(entry.method.localName === 'fail');
        expect({ call: entry.name, role, denied }).toEqual({ call: entry.name, role, denied: !open });
      }
  });
});

describe('internal calls', () => {
  test('a service is known by its token, with correlation and trace', async () => {
    const answer = await s.internal('billing').whoAmI({}, { correlationId: 'correlation-7', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
    expect(answer).toMatchObject({ caller: 'billing', correlationId: 'correlation-7' });
    expect(answer.traceparent).toContain('a'.repeat(32));
  });

  test('another key, another audience, an old token, no token', async () => {
    expect(await refusal(s.internal('billing', `${SERVICE_SECRET} `).whoAmI({}))).toMatchObject({ code: 'unauthenticated', rule: 'service-token-signature' });
    expect(await refusal(s.internal('billing', SERVICE_SECRET, 'validation').whoAmI({}))).toMatchObject({ rule: 'service-token-audience' });
    const { verifyServiceToken } = await import('../src/auth/service-token.js');
    const { issueServiceToken, SERVICE_TOKEN_MS } = await import('../src/index.js');
    const token = issueServiceToken(SERVICE_SECRET, 'billing', 'arena', 0);
    expect(verifyServiceToken(SERVICE_SECRET, 'arena', token, { nowMs: () => SERVICE_TOKEN_MS })).toEqual({ kind: 'service', service: 'billing' });
    await expect(async () => verifyServiceToken(SERVICE_SECRET, 'arena', token, { nowMs: () => SERVICE_TOKEN_MS + 60_001 })).rejects.toMatchObject({ rejection: { rule: 'service-token-expired' } });
  });

  test('internal calls are not on the public port, public ones not on the internal port', async () => {
    const { createGrpcClients } = await import('../src/index.js');
    const { NoteService } = await import('./gen/skein/test/v1/notes_pb.js');
    const { NoteInternalService } = await import('./gen/skein/test/internal/v1/notes_pb.js');
    const clients = createGrpcClients({ caller: 'x', serviceTokenSecret: SERVICE_SECRET, peers: { arena: `127.0.0.1:${s.service.internalGrpcPort}` }, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 1024 });
    expect(await refusal(clients.client(NoteInternalService, `127.0.0.1:${s.service.grpcPort}`).whoAmI({}))).toMatchObject({ message: expect.stringContaining('does not implement') });
    expect(await refusal(clients.client(NoteService, 'arena').listNotes({}))).toMatchObject({ message: expect.stringContaining('does not implement') });
    expect(await refusal(clients.client(NoteService, 'nobody').listNotes({})).catch((error: Error) => error.message)).toContain('PEERS_NOBODY');
    clients.close();
    expect((await s.rest('POST', '/test/internal/v1/whoami')).status).toBe(404);
  });
});

test('the configuration holds only the hash of the operator token', () => {
  expect(JSON.stringify(s.service.get(Probe))).not.toContain(OPERATOR_TOKEN);
  expect(sha256(OPERATOR_TOKEN)).toHaveLength(64);
});
