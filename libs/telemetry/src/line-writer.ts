import { constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Bytes of lines that wait for a reader who has fallen behind. */
const KEPT_BYTES_MAX = 1_048_576;
const RETRY_MS = 100;

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined);

/**
 * The same pipe, to which a write never waits. A description of its own: the flag set on the inherited one would hold for
 * whoever else writes to it. What is no pipe, or may not be opened again, stays as it is.
 */
export function withoutWaiting(fd: number): number {
  try {
    return fstatSync(fd).isFIFO() ? openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK) : fd;
  } catch {
    return fd;
  }
}

/**
 * Writes lines at once, and never waits for whoever reads them: a process whose output is not read (a reader that hangs, a
 * terminal that was stopped) would stand still in the midst of a log line, deaf to its signals. Lines that the pipe does not
 * take are kept, up to 1 MiB; what comes beyond that is dropped, and said when the reader goes on. Without a reader all are.
 */
export class LineWriter {
  readonly #fd: number;
  readonly #missing: (lines: number) => string;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #dropped = 0;
  #retry: NodeJS.Timeout | undefined;

  /** `missing` is the line that says how many were dropped. */
  constructor(fd: number, missing: (lines: number) => string) {
    this.#fd = withoutWaiting(fd);
    this.#missing = missing;
  }

  write(line: string): void {
    const behind = this.#kept.length > 0;
    if (behind && this.#keptBytes >= KEPT_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#keep(line);
    if (!behind) this.flush();
  }

  /** Writes as much of what is kept as can be written now; the rest later. */
  flush(): void {
    clearTimeout(this.#retry);
    try {
      while (this.#kept.length > 0 || this.#dropped > 0) {
        if (this.#kept.length === 0) this.#tellDropped();
        this.#writeFirst();
      }
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') [this.#kept, this.#keptBytes, this.#dropped] = [[], 0, 0];
      else this.#retry = setTimeout(() => this.flush(), RETRY_MS).unref();
    }
  }

  #tellDropped(): void {
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#keep(this.#missing(lines));
  }

  #keep(line: string): void {
    const bytes = Buffer.from(line);
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  #writeFirst(): void {
    const [first] = this.#kept;
    if (first === undefined) return;
    const written = writeSync(this.#fd, first);
    this.#keptBytes -= written;
    if (written < first.length) this.#kept[0] = first.subarray(written);
    else this.#kept.shift();
  }
}
