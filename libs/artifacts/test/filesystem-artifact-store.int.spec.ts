import { mkdtemp, readdir, rm, utimes, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex, unwrap, utf8 } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FilesystemArtifactStore } from '../src/filesystem-artifact-store.js';
import { artifactsMigrations } from '../src/migrations.js';

const ALICE = 'eip155:31337:0x00000000000000000000000000000000000000a1';
const BOB = 'eip155:31337:0x00000000000000000000000000000000000000b0';
const SERVICE = 'service:validation';
const REFUSED = { ok: false, error: { code: 'not-found', rule: 'artifact-not-found' } };

let database: TestDatabase;
let dir: string;
let store: FilesystemArtifactStore;

beforeAll(async () => {
  database = await freshDatabase(artifactsMigrations);
});
afterAll(() => database.drop());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein artifacts '));
  store = new FilesystemArtifactStore({ pool: database.appPool, dir, service: 'arena', sizeBytesMax: 1000 });
  await database.ownerPool.query('TRUNCATE artifacts, artifact_owners, artifact_grants, artifact_deletions, artifact_unowned');
  return () => rm(dir, { recursive: true });
});

const files = async (): Promise<string[]> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
};
async function* chunks(...parts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield utf8(part);
  }
}
const put = async (text: string, owner = ALICE): Promise<string> => unwrap(await store.put({ owner, bytes: utf8(text) })).sha256;
const read = async (sha256: string, reader: string): Promise<string> => Buffer.from(await unwrap(await store.open(sha256, reader)).bytes()).toString();

describe('put', () => {
  it('names bytes by their hash, whole or in chunks, and gives them back', async () => {
    const sha256 = sha256Hex('hello world');
    expect(await store.put({ owner: ALICE, bytes: chunks('hello', ' ', 'world'), sha256, mediaType: 'text/csv' })).toEqual({ ok: true, value: { sha256, sizeBytes: 11, mediaType: 'text/csv' } });
    expect(await read(sha256, ALICE)).toBe('hello world');
    const streamed: Buffer[] = [];
    for await (const chunk of unwrap(await store.open(sha256, ALICE)).stream()) streamed.push(chunk as Buffer);
    expect(Buffer.concat(streamed).toString()).toBe('hello world');
    expect(await files()).toEqual([sha256]);
  });

  it('holds for any bytes in any chunking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }), async (parts) => {
        const whole = Buffer.concat(parts);
        const info = unwrap(await store.put({ owner: ALICE, bytes: (async function* () { yield* parts; })() }));
        expect(info).toMatchObject({ sha256: sha256Hex(whole), sizeBytes: whole.length });
        expect(Buffer.from(await unwrap(await store.open(info.sha256, ALICE)).bytes()).equals(whole)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['other bytes', { bytes: utf8('other'), sha256: sha256Hex('announced') }, 'hash-mismatch', 'sha256'],
    ['a malformed hash', { bytes: utf8('x'), sha256: '../../etc/passwd' }, 'hash-format', 'sha256'],
    ['an upper-case hash', { bytes: utf8('x'), sha256: sha256Hex('x').toUpperCase() }, 'hash-format', 'sha256'],
    ['too many bytes', { bytes: new Uint8Array(1001) }, 'artifact-too-large', 'bytes'],
    ['more than this upload may have', { bytes: utf8('12345'), sizeBytesMax: 4 }, 'artifact-too-large', 'bytes'],
  ])('refuses %s and leaves nothing behind', async (_, upload, rule, field) => {
    expect(await store.put({ owner: ALICE, ...upload })).toMatchObject({ ok: false, error: { code: 'invalid-argument', rule, field } });
    expect(await files()).toEqual([]);
    expect((await database.ownerPool.query('SELECT * FROM artifacts')).rows).toEqual([]);
  });

  it('leaves nothing behind when the upload breaks off', async () => {
    await expect(store.put({ owner: ALICE, bytes: chunks('half', new Error('connection reset')) })).rejects.toThrow('connection reset');
    expect(await files()).toEqual([]);
  });

  it('answers the same for bytes that are already there', async () => {
    const first = await store.put({ owner: ALICE, bytes: utf8('same'), mediaType: 'text/csv' });
    const second = await store.put({ owner: BOB, bytes: utf8('same') });
    expect(second).toEqual({ ok: true, value: { ...unwrap(first), mediaType: 'application/octet-stream' } });
    expect(unwrap(await store.stat(sha256Hex('same'), ALICE)).mediaType).toBe('text/csv');
  });

  it('takes the same bytes from many at once', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, n) => put('crowd', `organisation:${n}`)));
    for (let n = 0; n < 10; n++) expect(await read(sha256Hex('crowd'), `organisation:${n}`)).toBe('crowd');
    expect(await files()).toEqual([sha256Hex('crowd')]);
  });
});

describe('grants', () => {
  it('refuse alike: unknown bytes, bytes without a grant, and what is no hash at all', async () => {
    const sha256 = await put('secret');
    const refusals = await Promise.all([store.open(sha256, BOB), store.open(sha256Hex('unknown'), BOB), store.open('../secret', BOB), store.stat(sha256, BOB), store.stat(sha256Hex('unknown'), BOB)]);
    for (const refusal of refusals) expect(refusal).toEqual(refusals[0]);
    expect(refusals[0]).toMatchObject(REFUSED);
    expect(JSON.stringify(refusals[0])).not.toContain(sha256);
  });

  it('open an artifact to one reader until they expire by the database\'s clock or are revoked', async () => {
    const sha256 = await put('data');
    const { rows } = await database.appPool.query<{ now: string }>('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now');
    const now = Number(rows[0]!.now);
    const grant = { sha256, reader: SERVICE, purpose: 'score', grantedBy: ALICE };
    expect(await store.grant({ ...grant, expiresAtMs: now - 1 })).toEqual({ ok: true, value: undefined });
    expect(await store.open(sha256, SERVICE)).toMatchObject(REFUSED);
    unwrap(await store.grant({ ...grant, expiresAtMs: now + 60_000 }));
    expect(await read(sha256, SERVICE)).toBe('data');
    expect(await store.open(sha256, BOB)).toMatchObject(REFUSED);
    unwrap(await store.grant({ ...grant, purpose: 'replay' }));
    unwrap(await store.revoke({ sha256, reader: SERVICE, grantedBy: ALICE, purpose: 'score' }));
    expect(await read(sha256, SERVICE)).toBe('data');
    unwrap(await store.revoke({ sha256, reader: SERVICE, grantedBy: ALICE }));
    expect(await store.open(sha256, SERVICE)).toMatchObject(REFUSED);
  });

  it('are an owner\'s to give and to take', async () => {
    const sha256 = await put('data');
    const grant = { sha256, reader: SERVICE, purpose: 'score' };
    expect(await store.grant({ ...grant, grantedBy: BOB })).toMatchObject(REFUSED);
    expect(await store.grant({ ...grant, grantedBy: ALICE, sha256: sha256Hex('unknown') })).toMatchObject(REFUSED);
    unwrap(await store.grant({ ...grant, grantedBy: ALICE }));
    expect(await store.grant({ sha256, reader: BOB, purpose: 'pass on', grantedBy: SERVICE })).toMatchObject(REFUSED);
    expect(await store.revoke({ ...grant, grantedBy: BOB })).toMatchObject(REFUSED);
    expect(await read(sha256, SERVICE)).toBe('data');
  });
});

describe('delete', () => {
  it('removes the bytes and the grants and records the fact, for ever', async () => {
    const sha256 = await put('data');
    unwrap(await store.grant({ sha256, reader: SERVICE, purpose: 'score', grantedBy: ALICE }));
    const deletion = unwrap(await store.delete(sha256, { owner: ALICE, deletedBy: 'operator', reason: 'request' }));
    expect(deletion).toMatchObject({ sha256, owner: ALICE, deletedBy: 'operator', reason: 'request' });
    for (const reader of [ALICE, SERVICE]) expect(await store.open(sha256, reader)).toMatchObject(REFUSED);
    expect(await files()).toEqual([]);
    expect((await database.appPool.query('SELECT sha256, owner FROM artifact_deletions')).rows).toEqual([{ sha256, owner: ALICE }]);
    await expect(database.appPool.query('DELETE FROM artifact_deletions')).rejects.toThrow('permission denied');
    expect(await store.delete(sha256, { owner: ALICE, deletedBy: ALICE, reason: 'again' })).toMatchObject(REFUSED);
  });

  it('leaves the other owners theirs', async () => {
    const sha256 = await put('shared');
    await put('shared', BOB);
    unwrap(await store.grant({ sha256, reader: SERVICE, purpose: 'score', grantedBy: ALICE }));
    unwrap(await store.delete(sha256, { owner: ALICE, deletedBy: ALICE, reason: 'mine' }));
    expect(await store.open(sha256, ALICE)).toMatchObject(REFUSED);
    expect(await store.open(sha256, SERVICE)).toMatchObject(REFUSED);
    expect(await read(sha256, BOB)).toBe('shared');
  });

  it('and uploading in turns never leave an owner without bytes', async () => {
    const sha256 = sha256Hex('contested');
    await Promise.all(Array.from({ length: 20 }, async (_, n) => {
      await put('contested', `organisation:${n}`);
      if (n % 2 === 0) unwrap(await store.delete(sha256, { owner: `organisation:${n}`, deletedBy: 'operator', reason: 'r' }));
    }));
    for (let n = 1; n < 20; n += 2) expect(await read(sha256, `organisation:${n}`)).toBe('contested');
  });
});

describe('after a crash', () => {
  it('the sweep removes bytes without an owner and stale temporary files, and nothing else', async () => {
    const kept = await put('kept');
    const orphan = sha256Hex('orphan');
    await mkdir(join(dir, 'arena', orphan.slice(0, 2)), { recursive: true });
    await writeFile(join(dir, 'arena', orphan.slice(0, 2), orphan), 'orphan');
    await writeFile(join(dir, 'arena', 'tmp', 'stale'), 'half');
    await utimes(join(dir, 'arena', 'tmp', 'stale'), 1, 1);
    await writeFile(join(dir, 'arena', 'tmp', 'running'), 'half');
    await database.appPool.query('INSERT INTO artifact_unowned VALUES ($1), ($2)', [orphan, kept]);
    await store.sweep();
    expect((await files()).sort()).toEqual([kept, 'running'].sort());
    expect((await database.appPool.query('SELECT * FROM artifact_unowned')).rows).toEqual([]);
    expect(await read(kept, ALICE)).toBe('kept');
  });

  it('bytes that rotted on disk end in an error', async () => {
    const sha256 = await put('data');
    await writeFile(join(dir, 'arena', sha256.slice(0, 2), sha256), 'dbta');
    const opened = unwrap(await store.open(sha256, ALICE));
    await expect(opened.bytes()).rejects.toThrow('do not match');
    await expect(opened.stream().forEach(() => undefined)).rejects.toThrow('do not match');
  });
});
