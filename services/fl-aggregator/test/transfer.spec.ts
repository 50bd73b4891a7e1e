import { create } from '@bufbuild/protobuf';
import { UploadUpdateRequestSchema } from '@skein/contracts/federation';
import type { UploadUpdateRequest } from '@skein/contracts/federation';
import { sha256Hex } from '@skein/kernel';
import { expect, test } from 'vitest';
import { CHUNK_BYTES, CHUNK_BYTES_MAX, chunksOf, uploadedBytes } from '../src/interface/transfer.js';

const bytes = Uint8Array.from({ length: 150_000 }, (_, i) => i % 251);

async function* requests(chunks: Iterable<object>): AsyncGenerator<UploadUpdateRequest> {
  for (const value of chunks) yield create(UploadUpdateRequestSchema, { message: { case: 'chunk', value } });
}

async function received(chunks: Iterable<object>, size = bytes.length): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of uploadedBytes(requests(chunks), size)) parts.push(part);
  return Buffer.concat(parts);
}

const chunk = (offset: number, data: Uint8Array, change: object = {}) => ({ offset: BigInt(offset), data, sha256: sha256Hex(data), ...change });

test('what is cut into chunks comes together again, also from an offset', async () => {
  const cut = [...chunksOf(bytes, 0)];
  expect(cut).toHaveLength(Math.ceil(bytes.length / CHUNK_BYTES));
  expect(sha256Hex(await received(cut as object[]))).toBe(sha256Hex(bytes));
  const rest = [...chunksOf(bytes, 100_000)];
  expect(rest[0]!.offset).toBe(100_000n);
  expect(Buffer.concat(rest.map(({ data }) => data!))).toEqual(Buffer.from(bytes.subarray(100_000)));
});

test.each<[string, string, () => Iterable<object>]>([
  ['chunk-order', 'chunk.offset', () => [chunk(1, bytes)]],
  ['chunk-size', 'chunk.data', () => [chunk(0, new Uint8Array(0))]],
  ['chunk-size', 'chunk.data', () => [chunk(0, new Uint8Array(CHUNK_BYTES_MAX + 1))]],
  ['hash-mismatch', 'chunk.sha256', () => [chunk(0, bytes, { sha256: sha256Hex('other') })]],
  ['size', 'chunk.data', () => [chunk(0, bytes), chunk(bytes.length, bytes)]],
  ['size', 'header.size_bytes', () => [chunk(0, bytes.subarray(1))]],
])('%s is refused at %s', async (rule, field, chunks) => {
  await expect(received(chunks())).rejects.toMatchObject({ rejection: { rule, field } });
});

test('a second header is no chunk', async () => {
  async function* twice(): AsyncGenerator<UploadUpdateRequest> {
    yield create(UploadUpdateRequestSchema, { message: { case: 'header', value: {} } });
  }
  await expect(uploadedBytes(twice(), 1)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ rejection: { rule: 'chunk-expected' } });
});
