import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ArtifactStore } from '@skein/artifacts';
import { ArtifactService, type ArtifactSchema, type DownloadArtifactRequest, type DownloadArtifactResponseSchema, type UploadArtifactRequest } from '@skein/contracts/artifacts';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { RejectionError, unwrap } from '@skein/kernel';
import type { CallContext } from '../call-context.js';
import { Rpc } from '../rpc.js';
import { principalOf } from './principal.js';

const CHUNK_BYTES = 64 * 1024;
type Uploaded = MessageInitShape<typeof ArtifactSchema>;

/** Chunks of an upload; the first message was read already and may carry bytes too. */
async function* chunksOf(first: UploadArtifactRequest, rest: AsyncIterator<UploadArtifactRequest>): AsyncIterable<Uint8Array> {
  if (first.chunk.length > 0) yield first.chunk;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value.chunk;
}

/** Upload and download of artifacts over gRPC, on both ports. */
export class ArtifactApi {
  readonly #store: ArtifactStore;
  readonly #sizeBytesMax: number;
  constructor(store: ArtifactStore, sizeBytesMax: number) {
    this.#store = store;
    this.#sizeBytesMax = sizeBytesMax;
  }

  @Rpc(ArtifactService.method.uploadArtifact)
  @Rpc(ArtifactInternalService.method.uploadArtifact)
  async upload(requests: AsyncIterable<UploadArtifactRequest>, call: CallContext): Promise<Uploaded> {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true || first.value.sha256 === '') throw new RejectionError({ code: 'invalid-argument', rule: 'required', message: 'the first message names sha256', field: 'sha256' });
    const { sha256, mediaType } = first.value;
    const upload = { owner: principalOf(call.identity), bytes: chunksOf(first.value, iterator), sha256, sizeBytesMax: this.#sizeBytesMax };
    const info = unwrap(await this.#store.put(mediaType === '' ? upload : { ...upload, mediaType }));
    return { sha256: info.sha256, sizeBytes: BigInt(info.sizeBytes), mediaType: info.mediaType };
  }

  @Rpc(ArtifactService.method.downloadArtifact)
  @Rpc(ArtifactInternalService.method.downloadArtifact)
  async *download(request: DownloadArtifactRequest, call: CallContext): AsyncIterable<MessageInitShape<typeof DownloadArtifactResponseSchema>> {
    const opened = unwrap(await this.#store.open(request.sha256, principalOf(call.identity)));
    for await (const piece of opened.stream()) {
      const bytes = piece as Uint8Array;
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield { chunk: bytes.subarray(at, at + CHUNK_BYTES) };
    }
  }
}
