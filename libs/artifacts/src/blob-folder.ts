import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';

/** Bytes received and safe on disk under a temporary name. */
export interface ReceivedBlob {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Raised by `receive` when more bytes come than allowed. */
export class TooLargeError extends Error {
  constructor(sizeBytesMax: number) {
    super(`more than ${sizeBytesMax} bytes`);
    this.name = 'TooLargeError';
  }
}

/** A temporary file older than this belongs to no upload any more. Long enough for a clock that is some hours wrong. */
const STALE_MS = 24 * 60 * 60 * 1000;

/** A folder of files named by their SHA-256, in 256 sub-folders; temporary files lie in `tmp` on the same file system. */
export class BlobFolder {
  readonly #dir: string;
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Writes to a temporary file, hashing and counting on the way, and makes it durable. Leaves nothing behind when it throws. */
  async receive(bytes: Uint8Array | AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<ReceivedBlob> {
    const path = join(this.#dir, 'tmp', randomUUID());
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      const received = await write(file, bytes instanceof Uint8Array ? [bytes] : bytes, sizeBytesMax);
      await file.sync();
      return { path, ...received };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Gives received bytes their name; durable when it resolves. */
  async keep(blob: ReceivedBlob): Promise<void> {
    const target = this.#path(blob.sha256);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(blob.path, target);
    await syncFolder(dirname(target));
  }

  async discard(blob: ReceivedBlob): Promise<void> {
    await rm(blob.path, { force: true });
  }

  /** Idempotent. */
  async remove(sha256: string): Promise<void> {
    await rm(this.#path(sha256), { force: true });
  }

  /** The bytes as a stream that ends in an error when they do not match their name. */
  stream(sha256: string): Readable {
    const hash = createHash('sha256');
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
      flush(done) {
        done(hash.digest('hex') === sha256 ? null : rotten(sha256));
      },
    });
    const source = createReadStream(this.#path(sha256));
    source.once('error', (error) => check.destroy(error));
    check.once('close', () => source.destroy());
    return source.pipe(check);
  }

  async bytes(sha256: string): Promise<Uint8Array> {
    const bytes = await readFile(this.#path(sha256));
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw rotten(sha256);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Removes temporary files of uploads that a crash has ended. */
  async sweepTemporary(nowMs: number): Promise<number> {
    const folder = join(this.#dir, 'tmp');
    let removed = 0;
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const info = await stat(path).catch(() => undefined);
      if (info === undefined || nowMs - info.mtimeMs < STALE_MS) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  #path(sha256: string): string {
    return join(this.#dir, sha256.slice(0, 2), sha256);
  }
}

const rotten = (sha256: string): Error => new Error(`the stored bytes of ${sha256} do not match their name`);

async function write(file: FileHandle, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > sizeBytesMax) throw new TooLargeError(sizeBytesMax);
    hash.update(chunk);
    await file.appendFile(chunk);
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
