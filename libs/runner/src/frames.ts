import { concatBytes, uint32be, utf8 } from '@skein/kernel';

/** One message to or from a runner process: a JSON header and a binary body. */
export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

const HEADER_BYTES_MAX = 16 * 1024 * 1024;

const uint32le = (value: number): Uint8Array => uint32be(value).reverse();

/** `uint32le header length ‖ uint32le body length ‖ header as JSON ‖ body`. */
export function encodeFrame({ header, body }: Frame): Uint8Array {
  const text = utf8(JSON.stringify(header));
  return concatBytes(uint32le(text.length), uint32le(body.length), text, body);
}

/**
 * Puts frames together from chunks. The other side is not trusted: a length beyond the bound, or a header that is not a
 * JSON object, throws before anything is kept.
 */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #needed = 8;
  readonly bodyBytesMax: () => number;

  constructor(bodyBytesMax: () => number) {
    this.bodyBytesMax = bodyBytesMax;
  }

  /** Takes a chunk and returns the frames that it completed. */
  push(chunk: Uint8Array): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  }

  #next(): Frame | undefined {
    if (this.#bytes < this.#needed) return undefined;
    const all = new Uint8Array(Buffer.concat(this.#chunks));
    this.#chunks = [all];
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    const headerLength = view.getUint32(0, true);
    const bodyLength = view.getUint32(4, true);
    if (headerLength > HEADER_BYTES_MAX || bodyLength > this.bodyBytesMax()) throw new FrameTooLarge();
    const end = 8 + headerLength + bodyLength;
    if (all.length < end) {
      this.#needed = end;
      return undefined;
    }
    const header: unknown = JSON.parse(new TextDecoder().decode(all.subarray(8, 8 + headerLength)));
    if (typeof header !== 'object' || header === null || Array.isArray(header)) throw new FrameTooLarge();
    const body = all.slice(8 + headerLength, end);
    this.#chunks = [all.slice(end)];
    this.#bytes = all.length - end;
    this.#needed = 8;
    return { header: header as Record<string, unknown>, body };
  }
}

/** The other side sent more than was agreed, or no frame at all. */
export class FrameTooLarge extends Error {
  constructor() {
    super('a runner sent a frame outside its bounds');
    this.name = 'FrameTooLarge';
  }
}
