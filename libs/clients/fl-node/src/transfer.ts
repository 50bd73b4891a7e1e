import type { Chunk, FederationNodeService } from '@skein/contracts/federation';
import { concatBytes, sha256Hex } from '@skein/kernel';
import { SkeinError, withRetry } from '@skein/sdk';
import type { Client } from '@skein/sdk';

const CHUNK_BYTES = 256 * 1024;
const RETRY = { timeoutMs: 120_000 };

type Nodes = Client<typeof FederationNodeService>;

const broken = (message: string): SkeinError => new SkeinError({ code: 'unavailable', rule: 'hash-mismatch', message, retriable: true });

async function* uploadOf(task: string, bytes: Uint8Array) {
  const header = { task, sha256: sha256Hex(bytes), sizeBytes: BigInt(bytes.length) };
  yield { message: { case: 'header' as const, value: header } };
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const data = bytes.subarray(at, at + CHUNK_BYTES);
    yield { message: { case: 'chunk' as const, value: { offset: BigInt(at), data, sha256: sha256Hex(data) } } };
  }
}

/** Uploads an update and returns its SHA-256. A broken upload begins again: the store keeps whole files only. */
export async function upload(nodes: Nodes, task: string, bytes: Uint8Array): Promise<string> {
  const { sha256 } = await withRetry(() => nodes.uploadUpdate(uploadOf(task, bytes)), RETRY);
  return sha256;
}

function checked(chunk: Chunk | undefined, offset: number): Uint8Array {
  if (!chunk || chunk.offset !== BigInt(offset)) throw broken('a chunk came out of order');
  if (sha256Hex(chunk.data) !== chunk.sha256) throw broken('a chunk does not match its SHA-256');
  return chunk.data;
}

/** Downloads an artifact of the task; a broken stream goes on where it ended. Chunks and the whole are checked by hash. */
export async function download(nodes: Nodes, task: string, sha256: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let offset = 0;
  await withRetry(async () => {
    for await (const { chunk } of nodes.downloadArtifact({ task, sha256, offset: BigInt(offset) })) {
      const data = checked(chunk, offset);
      parts.push(data);
      offset += data.length;
    }
  }, RETRY);
  const bytes = concatBytes(...parts);
  if (sha256Hex(bytes) !== sha256) throw broken('the file does not match its SHA-256');
  return bytes;
}
