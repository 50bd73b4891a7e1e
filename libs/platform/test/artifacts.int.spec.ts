import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ArtifactStore } from '@skein/artifacts';
import { ArtifactService } from '@skein/contracts/artifacts';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { ARTIFACTS, createGrpcClients } from '../src/index.js';
import { account, apiKey, refusal, SERVICE_SECRET, session, stage, type Stage } from './harness.js';

let s: Stage;
let dir: string;
let wallet: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein artifacts '));
  s = await stage({ settings: { ARTIFACTS_DIR: dir, ARTIFACT_LIMIT_BYTES: '300000' }, define: (base) => ({ ...base, artifacts: true }) });
  wallet = await session();
});
afterAll(async () => {
  await s.close();
  await rm(dir, { recursive: true, force: true });
});

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const put = (bytes: Uint8Array<ArrayBuffer>, authorization: string, name = sha(bytes)) =>
  fetch(`${s.url}/test/v1/artifacts/${name}`, { method: 'PUT', body: bytes, headers: { authorization, 'content-type': 'text/csv' } });
const get = (name: string, authorization: string) => fetch(`${s.url}/test/v1/artifacts/${name}`, { headers: { authorization } });
const some = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(size));

test('what its owner uploaded, the owner reads; past the JSON limit, byte for byte', async () => {
  const bytes = some(200_000);
  const answer = await put(bytes, wallet);
  expect(await answer.json()).toEqual({ sha256: sha(bytes), sizeBytes: '200000', mediaType: 'text/csv' });
  const read = await get(sha(bytes), wallet);
  expect(read.headers.get('content-type')).toBe('text/csv');
  expect(read.headers.get('x-content-type-options')).toBe('nosniff');
  expect(sha(new Uint8Array(await read.arrayBuffer()))).toBe(sha(bytes));
});

test('for others it is as if it did not exist, until they are granted it', async () => {
  const bytes = some(100);
  await put(bytes, wallet);
  const foreign = await get(sha(bytes), apiKey('good1234'));
  const missing = await get(sha(some(8)), apiKey('good1234'));
  const [a, b] = [await foreign.json(), await missing.json()] as Record<string, unknown>[];
  expect({ ...a, correlationId: '' }).toEqual({ ...b, correlationId: '' });
  expect(a).toMatchObject({ status: 404, rule: 'artifact-not-found' });
  await s.service.get<ArtifactStore>(ARTIFACTS).grant({ sha256: sha(bytes), reader: 'organisation:org-1', purpose: 'test', grantedBy: `eip155:31337:${account.address.toLowerCase()}` });
  expect((await get(sha(bytes), apiKey('good1234'))).status).toBe(200);
});

test.each([
  ['nobody', () => put(some(10), ''), 401, 'credentials-required'],
  ['bytes under another name', () => put(some(10), wallet, 'a'.repeat(64)), 400, 'hash-mismatch'],
  ['a name that is none', () => put(some(10), wallet, 'A'.repeat(64)), 400, 'format'],
  ['too many bytes', () => put(some(300_001), wallet), 413, 'body-limit'],
])('%s is refused', async (_, work, status, rule) => {
  const answer = await work();
  expect(await answer.json()).toMatchObject({ status, rule });
});

test('too many bytes without an announced length', async () => {
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(some(65_536)) });
  const answer = await fetch(`${s.url}/test/v1/artifacts/${'b'.repeat(64)}`, { method: 'PUT', body, duplex: 'half', headers: { authorization: wallet } } as RequestInit).then((response) => response.status, () => 'cut');
  expect([400, 413, 'cut']).toContain(answer);
});

test('over gRPC, publicly and between services', async () => {
  const bytes = some(150_000);
  async function* chunks(): AsyncIterable<{ sha256?: string; chunk?: Uint8Array }> {
    yield { sha256: sha(bytes) };
    for (let at = 0; at < bytes.length; at += 32_768) yield { chunk: bytes.subarray(at, at + 32_768) };
  }
  const collect = async (stream: AsyncIterable<{ chunk: Uint8Array }>): Promise<string> => {
    const hash = createHash('sha256');
    for await (const { chunk } of stream) hash.update(chunk);
    return hash.digest('hex');
  };
  const make = (options: { authorization?: string; caller: string }) => createGrpcClients({ serviceTokenSecret: SERVICE_SECRET, peers: { arena: `127.0.0.1:${s.service.internalGrpcPort}` }, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 65_536, ...options });
  const open = make({ authorization: wallet, caller: '' });
  const publicly = open.client(ArtifactService, `127.0.0.1:${s.service.grpcPort}`);
  expect(await publicly.uploadArtifact(chunks())).toMatchObject({ sizeBytes: 150_000n });
  expect(await collect(publicly.downloadArtifact({ sha256: sha(bytes) }))).toBe(sha(bytes));
  expect(await refusal(publicly.uploadArtifact((async function* () { yield { chunk: new Uint8Array(1) }; })()))).toMatchObject({ field: 'sha256', rule: 'required' });
  const closed = make({ caller: 'validation' });
  const internally = closed.client(ArtifactInternalService, 'arena');
  expect(await refusal(collect(internally.downloadArtifact({ sha256: sha(bytes) })))).toMatchObject({ code: 'not-found', rule: 'artifact-not-found' });
  await s.service.get<ArtifactStore>(ARTIFACTS).grant({ sha256: sha(bytes), reader: 'service:validation', purpose: 'score', grantedBy: `eip155:31337:${account.address.toLowerCase()}` });
  expect(await collect(internally.downloadArtifact({ sha256: sha(bytes) }))).toBe(sha(bytes));
  open.close();
  closed.close();
});
