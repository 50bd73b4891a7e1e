import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Chunk, ChunkSchema, UploadUpdateRequest } from '@skein/contracts/federation';
import { reject, sha256Hex, unwrap } from '@skein/kernel';

/** Bytes of a chunk that this service sends. */
export const CHUNK_BYTES = 64 * 1024;
/** Most bytes of a chunk that it takes. */
export const CHUNK_BYTES_MAX = 512 * 1024;

const refuse = (rule: string, message: string, field: string): never => unwrap(reject('invalid-argument', rule, message, field));

function checkedChunk(chunk: Chunk, offset: number): Uint8Array {
  if (chunk.offset !== BigInt(offset)) refuse('chunk-order', `the next chunk begins at ${offset}`, 'chunk.offset');
  if (chunk.data.length === 0 || chunk.data.length > CHUNK_BYTES_MAX)
    refuse('chunk-size', `a chunk has 1 to ${CHUNK_BYTES_MAX} bytes`, 'chunk.data');
  if (sha256Hex(chunk.data) !== chunk.sha256) refuse('hash-mismatch', 'the chunk does not match its SHA-256', 'chunk.sha256');
  return chunk.data;
}

/** The bytes of an upload, each chunk checked as it comes; refuses a chunk out of order, beyond the announced size or with another hash. */
export async function* uploadedBytes(requests: AsyncIterator<UploadUpdateRequest>, sizeBytes: number): AsyncIterable<Uint8Array> {
  let offset = 0;
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { message } = next.value;
    if (message.case !== 'chunk') return refuse('chunk-expected', 'chunks follow the header', 'message');
    const data = checkedChunk(message.value, offset);
    offset += data.length;
    if (offset > sizeBytes) refuse('size', 'there are more bytes than announced', 'chunk.data');
    yield data;
  }
  if (offset !== sizeBytes) refuse('size', `${offset} bytes came of ${sizeBytes}`, 'header.size_bytes');
}

/** A file in chunks, from an offset. */
export function* chunksOf(bytes: Uint8Array, from: number): Iterable<MessageInitShape<typeof ChunkSchema>> {
  for (let at = from; at < bytes.length; at += CHUNK_BYTES) {
    const data = bytes.subarray(at, at + CHUNK_BYTES);
    yield { offset: BigInt(at), data, sha256: sha256Hex(data) };
  }
}
