import type { Client } from '@skein/sdk';
import type { FederationNodeService } from '@skein/contracts/federation';
import { sha256Hex } from '@skein/kernel';
import { SkeinError } from '@skein/sdk';
import { expect, test } from 'vitest';
import { download, upload } from './transfer.js';

const bytes = Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7) % 253);
const name = sha256Hex(bytes);
type Nodes = Client<typeof FederationNodeService>;
interface Call {
  readonly offset: bigint;
}

const chunk = (offset: number, size: number, change: object = {}) => {
  const data = bytes.subarray(offset, offset + size);
  return { chunk: { $typeName: 'skein.federation.v1.Chunk' as const, offset: BigInt(offset), data, sha256: sha256Hex(data), ...change } };
};
const lost = (): SkeinError => new SkeinError({ code: 'unavailable', message: 'lost', retriable: true });

/** A server whose streams are the given generators, one after the other. */
function serving(...streams: ((call: Call) => Iterable<object>)[]): { nodes: Nodes; calls: Call[] } {
  const calls: Call[] = [];
  const nodes = {
    downloadArtifact: async function* (call: Call) {
      calls.push(call);
      yield* streams[Math.min(calls.length, streams.length) - 1]!(call);
    },
  };
  return { nodes: nodes as unknown as Nodes, calls };
}

test('a broken download goes on where it ended', async () => {
  const { nodes, calls } = serving(
    function* () {
      yield chunk(0, 300_000);
      throw lost();
    },
    function* () {
      yield chunk(300_000, 400_000);
    },
  );
  expect(sha256Hex(await download(nodes, 'task', name))).toBe(name);
  expect(calls.map(({ offset }) => offset)).toEqual([0n, 300_000n]);
});

test('a chunk that does not match is asked for again', async () => {
  const { nodes, calls } = serving(
    function* () {
      yield chunk(0, 10, { sha256: sha256Hex('x') });
    },
    function* () {
      yield chunk(0, 700_000);
    },
  );
  expect((await download(nodes, 'task', name)).length).toBe(700_000);
  expect(calls).toHaveLength(2);
});

test('a whole that does not match, and a final refusal, are errors', async () => {
  const short = serving(function* () {
    yield chunk(0, 10);
  });
  await expect(download(short.nodes, 'task', name)).rejects.toMatchObject({ rule: 'hash-mismatch' });
  const refused = serving(() => {
    throw new SkeinError({ code: 'not-found', message: 'no', rule: 'not-found' });
  });
  await expect(download(refused.nodes, 'task', name)).rejects.toMatchObject({ code: 'not-found' });
  expect(refused.calls).toHaveLength(1);
});

test('an upload names size and hash, and every chunk its own', async () => {
  const sent: { message: { case: string; value: { data?: Uint8Array; sha256: string; sizeBytes?: bigint } } }[] = [];
  const nodes = {
    uploadUpdate: async (requests: AsyncIterable<(typeof sent)[number]>) => {
      for await (const request of requests) sent.push(request);
      return { sha256: name };
    },
  };
  expect(await upload(nodes as unknown as Nodes, 'task', bytes)).toBe(name);
  expect(sent[0]).toMatchObject({ message: { case: 'header', value: { sha256: name, sizeBytes: 700_000n } } });
  const chunks = sent.slice(1).map(({ message }) => message.value);
  expect(sha256Hex(Buffer.concat(chunks.map(({ data }) => data!)))).toBe(name);
  for (const { data, sha256 } of chunks) expect(sha256).toBe(sha256Hex(data!));
});
