import { createHash } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { API_KEYS, bootService, createGrpcClients, migrationsOf, parseSettings, type Adapters, type ApiKeyRecord, type Client, type RunningService, type ServiceDefinition, type Settings } from '../src/index.js';
import { file_skein_test_internal_v1_notes, NoteInternalService } from './gen/skein/test/internal/v1/notes_pb.js';
import { file_skein_test_v1_notes, NoteService } from './gen/skein/test/v1/notes_pb.js';
import { NoteApi, Probe } from './note-api.js';

export const OPERATOR_TOKEN = 'op_0123456789abcdef0123456789abcdef';
export const SERVICE_SECRET = 'a service token secret of the tests only';
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const REQUEST_ID = '018f0000-0000-7000-8000-000000000001';

/** Account whose address ends in 1 owns `notes/foreign`. */
export const account = privateKeyToAccount(`0x${'11'.repeat(32)}`);

const KEYS: Record<string, ApiKeyRecord> = {
  good1234: { prefix: 'good1234', secretSha256: sha256('a-long-enough-secret'), organisation: 'org-1', scopes: ['notes.write'] },
  revoked1: { prefix: 'revoked1', secretSha256: sha256('a-long-enough-secret'), organisation: 'org-1', scopes: ['notes.write'], revoked: true },
  expired1: { prefix: 'expired1', secretSha256: sha256('a-long-enough-secret'), organisation: 'org-1', scopes: ['notes.write'], expiresAtMs: 1 },
  noscope1: { prefix: 'noscope1', secretSha256: sha256('a-long-enough-secret'), organisation: 'org-1', scopes: ['notes.read'] },
};
export const apiKey = (prefix: string, secret = 'a-long-enough-secret'): string => `Bearer sk_${prefix}_${secret}`;

export const definition = (probe: Probe): ServiceDefinition => ({
  name: 'arena',
  contexts: [file_skein_test_v1_notes, file_skein_test_internal_v1_notes],
  migrations: [],
  providers: [
    { provide: Probe, useValue: probe },
    { provide: API_KEYS, useValue: { find: async (prefix: string) => KEYS[prefix] } },
  ],
  apis: [NoteApi],
});

export const settingsFor = (databaseUrl: string, more: Record<string, string> = {}): Settings =>
  parseSettings(
    { name: 'arena' },
    { DATABASE_URL: databaseUrl, SERVICE_TOKEN_SECRET: SERVICE_SECRET, OPERATOR_TOKEN_SHA256: sha256(OPERATOR_TOKEN), HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', LOG_LEVEL: 'silent', SIGN_IN_DOMAIN: 'skein.test', BODY_LIMIT_BYTES: '65536', ...more },
  );

/** A running test service with clients for both of its faces. */
export interface Stage {
  readonly probe: Probe;
  readonly service: RunningService;
  readonly database: TestDatabase;
  readonly url: string;
  grpc(authorization?: string): Client<typeof NoteService>;
  rest(method: string, path: string, options?: RestOptions): Promise<RestAnswer>;
  internal(caller?: string, secret?: string, audience?: string): Client<typeof NoteInternalService>;
  close(): Promise<void>;
}
export interface RestOptions {
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}
export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export async function stage(more: { adapters?: Adapters; settings?: Record<string, string>; define?: (base: ServiceDefinition) => ServiceDefinition; role?: 'api' | 'worker' | 'all' } = {}): Promise<Stage> {
  const probe = new Probe();
  const base = definition(probe);
  const defined = more.define?.(base) ?? base;
  const database = await freshDatabase(...migrationsOf(defined));
  const service = await bootService(defined, more.role ?? 'all', settingsFor(database.appUrl, more.settings), more.adapters);
  const clients: { close(): void }[] = [];
  const factory = (options: { authorization?: string; caller?: string; secret?: string; peers?: Record<string, string> }) => {
    const made = createGrpcClients({ caller: options.caller ?? '', serviceTokenSecret: options.secret, peers: options.peers ?? {}, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 65_536, ...(options.authorization === undefined ? {} : { authorization: options.authorization }) });
    clients.push(made);
    return made;
  };
  const url = `http://127.0.0.1:${service.http.port}`;
  return {
    probe, service, database, url,
    grpc: (authorization) => factory(authorization === undefined ? {} : { authorization }).client(NoteService, `127.0.0.1:${service.grpcPort}`),
    internal: (caller = 'billing', secret = SERVICE_SECRET, audience = 'arena') => factory({ caller, secret, peers: { [audience]: `127.0.0.1:${service.internalGrpcPort}` } }).client(NoteInternalService, audience),
    rest: (method, path, options) => rest(url, method, path, options),
    close: async () => {
      probe.open();
      for (const client of clients) client.close();
      await service.close();
      await database.drop();
    },
  };
}

async function rest(url: string, method: string, path: string, { body, raw, headers = {} }: RestOptions = {}): Promise<RestAnswer> {
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, { method, headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(text === undefined ? {} : { body: text }) });
  const answer = await response.text();
  const json = /[/+]json\b/.test(response.headers.get('content-type') ?? '') ? (JSON.parse(answer) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text: answer, json };
}

/** A wallet session as a client makes it. */
export async function session(options: { domain?: string; chainId?: number; scopes?: string[]; issuedAtMs?: number; lifeMs?: number; tamper?: (token: string) => string; expiry?: boolean } = {}): Promise<string> {
  const issuedAtMs = options.issuedAtMs ?? Date.now();
  const message = createSiweMessage({
    address: account.address,
    chainId: options.chainId ?? 31_337,
    domain: options.domain ?? 'skein.test',
    nonce: 'abcdefgh12345678',
    uri: 'https://skein.test/',
    version: '1',
    statement: 'Sign in to Skein',
    issuedAt: new Date(issuedAtMs),
    ...(options.expiry === false ? {} : { expirationTime: new Date(issuedAtMs + (options.lifeMs ?? 3_600_000)) }),
    resources: (options.scopes ?? ['notes.write']).map((scope) => `urn:skein:scope:${scope}`),
  });
  const signature = await account.signMessage({ message });
  const token = `siwe.${Buffer.from(message).toString('base64url')}.${signature}`;
  return `Bearer ${options.tamper?.(token) ?? token}`;
}

/** What a rejected promise was refused with. */
export async function refusal(work: Promise<unknown>): Promise<{ code: string; rule: string; message: string; field?: string | undefined; retriable?: boolean | undefined }> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && 'rejection' in error) return error.rejection as { code: string; rule: string; message: string };
    throw error;
  }
  throw new Error('was not refused');
}

/** A valid CreateNote body; tests break one thing at a time. */
export const goodNote = (): Record<string, unknown> => ({ requestId: REQUEST_ID, title: 'a note', state: 'STATE_DRAFT', price: { asset: 'FLOCK', units: '1000000000000000000000000000' }, parts: [{ key: 'one', count: '1' }], big: '7' });
