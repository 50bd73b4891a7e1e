import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, type RunningService, bootService, createGrpcClients, migrationsOf, parseSettings } from '@skein/platform';
import { type TestDatabase, freshDatabase } from '@skein/testing';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { arenaService } from '../src/index.js';

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
export const OPERATOR = 'Bearer op_0123456789abcdef0123456789abcdef';
export const SERVICE_SECRET = 'a service token secret of the tests only';

/** A signed-in wallet of a test. */
export interface Person {
  readonly account: PrivateKeyAccount;
  readonly wallet: string;
  readonly authorization: string;
}

/** Wallet number `n` with a session of the given scopes. */
export async function person(n: number, scopes: readonly string[] = ['arena.propose', 'arena.submit']): Promise<Person> {
  const account = privateKeyToAccount(`0x${n.toString(16).padStart(64, '0')}`);
  const now = Date.now();
  const message = createSiweMessage({
    address: account.address,
    chainId: 31_337,
    domain: 'skein.test',
    nonce: 'abcdefgh12345678',
    uri: 'https://skein.test/',
    version: '1',
    issuedAt: new Date(now - 1_000),
    expirationTime: new Date(now + 3_600_000),
    resources: scopes.map((scope) => `urn:skein:scope:${scope}`),
  });
  const signature = await account.signMessage({ message });
  return {
    account,
    wallet: `eip155:31337:${account.address.toLowerCase()}`,
    authorization: `Bearer siwe.${Buffer.from(message).toString('base64url')}.${signature}`,
  };
}

export interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
  readonly bytes: Uint8Array;
}

/** The service on real parts: its own database, an artifact folder and the embedded log. */
export interface Stage {
  readonly database: TestDatabase;
  readonly service: RunningService;
  grpc<S extends DescService>(service: S, authorization?: string): Client<S>;
  internal<S extends DescService>(service: S, caller: string): Client<S>;
  rest(method: string, path: string, options?: { body?: unknown; bytes?: Uint8Array; authorization?: string; key?: string }): Promise<Answer>;
  upload(who: Person, bytes: Uint8Array): Promise<string>;
  /** Stops the service at once, as far as a process can, and starts another on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function stage(eventLogUrl: string): Promise<Stage> {
  const database = await freshDatabase(...migrationsOf(arenaService));
  const dir = await mkdtemp(join(tmpdir(), 'skein-arena-'));
  const settings = parseSettings(arenaService, {
    DATABASE_URL: database.appUrl,
    SERVICE_TOKEN_SECRET: SERVICE_SECRET,
    OPERATOR_TOKEN_SHA256: sha256(OPERATOR.slice('Bearer '.length)),
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    INTERNAL_GRPC_PORT: '0',
    LOG_LEVEL: 'silent',
    SIGN_IN_DOMAIN: 'skein.test',
    ARTIFACTS_DIR: dir,
    BEACON_SEED: 'test',
    EVENT_LOG_URL: eventLogUrl,
  });
  let service = await bootService(arenaService, 'all', settings);
  let clients: { close(): void }[] = [];
  const factory = (more: { authorization?: string; caller?: string; peers?: Record<string, string> }) => {
    const made = createGrpcClients({ caller: more.caller ?? '', serviceTokenSecret: SERVICE_SECRET, peers: more.peers ?? {}, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 1 << 20, ...(more.authorization === undefined ? {} : { authorization: more.authorization }) });
    clients.push(made);
    return made;
  };
  const closeClients = (): void => {
    for (const client of clients) client.close();
    clients = [];
  };
  const rest: Stage['rest'] = async (method, path, { body, bytes, authorization, key } = {}) => {
    const response = await fetch(`http://127.0.0.1:${service.http.port}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
        ...(authorization === undefined ? {} : { authorization }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(bytes === undefined ? {} : { body: new Uint8Array(bytes) }),
    });
    const read = new Uint8Array(await response.arrayBuffer());
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, bytes: read, json: isJson ? (JSON.parse(new TextDecoder().decode(read)) as Record<string, unknown>) : {} };
  };
  return {
    database,
    get service() {
      return service;
    },
    grpc: (desc, authorization) => factory(authorization === undefined ? {} : { authorization }).client(desc, `127.0.0.1:${service.grpcPort}`),
    internal: (desc, caller) => factory({ caller, peers: { arena: `127.0.0.1:${service.internalGrpcPort}` } }).client(desc, 'arena'),
    rest,
    upload: async (who, bytes) => {
      const name = sha256(bytes);
      const answer = await rest('PUT', `/arena/v1/artifacts/${name}`, { bytes, authorization: who.authorization });
      if (answer.status !== 200) throw new Error(`upload was answered ${answer.status} ${JSON.stringify(answer.json)}`);
      return name;
    },
    restart: async () => {
      closeClients();
      await service.close();
      service = await bootService(arenaService, 'all', settings);
    },
    close: async () => {
      closeClients();
      await service.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
