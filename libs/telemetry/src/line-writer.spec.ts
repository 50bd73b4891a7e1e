import { execFileSync } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineWriter, withoutWaiting } from './line-writer.js';

// A pipe as a shell makes it: whoever writes to it waits until somebody reads.
let folder: string;
let [reader, inherited] = [-1, -1];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-lines-'));
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  inherited = openSync(pipe, constants.O_WRONLY);
});
afterEach(() => {
  for (const fd of [reader, inherited]) if (fd >= 0) closeSync(fd);
  rmSync(folder, { recursive: true });
});

const lineOf = (n: number): string => `${JSON.stringify({ n, text: 'x'.repeat(200) })}\n`;
const missing = (lines: number): string => `${JSON.stringify({ missing: lines })}\n`;

/** What is in the pipe now. */
function read(): string {
  const chunk = Buffer.alloc(1 << 17);
  try {
    return chunk.toString('utf8', 0, readSync(reader, chunk));
  } catch {
    return '';
  }
}

/** Reads and lets write by turns until nothing more comes. */
function readAll(writer: LineWriter): Record<string, unknown>[] {
  let text = '';
  for (let part = read(); part !== ''; part = read()) {
    text += part;
    writer.flush();
  }
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('lines that nobody reads', () => {
  it('hold nobody up: what does not fit is dropped, and said when somebody reads again', () => {
    const writer = new LineWriter(inherited, missing);
    const count = 10_000;
    for (let n = 0; n < count; n += 1) writer.write(lineOf(n));
    const lines = readAll(writer);
    const whole = lines.slice(0, -1);
    expect(whole.map(({ n }) => n)).toEqual(whole.map((_, n) => n));
    expect(whole.length).toBeGreaterThan(4_000);
    expect(lines.at(-1)).toEqual({ missing: count - whole.length });
    writer.write(lineOf(count));
    expect(readAll(writer)).toMatchObject([{ n: count }]);
  });

  it('come later, all of them and in order, where they are not too many', () => {
    const writer = new LineWriter(inherited, missing);
    for (let n = 0; n < 2_000; n += 1) writer.write(lineOf(n));
    expect(readAll(writer).map(({ n }) => n)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
  });

  it('longer than everything that is kept come, too', () => {
    const writer = new LineWriter(inherited, missing);
    const text = 'y'.repeat(3_000_000);
    writer.write(`${JSON.stringify({ text })}\n`);
    expect(readAll(writer)).toEqual([{ text }]);
  });

  it('are let go where there is no reader any more', () => {
    const writer = new LineWriter(inherited, missing);
    closeSync(reader);
    reader = -1;
    for (let n = 0; n < 10; n += 1) writer.write(lineOf(n));
    expect(() => writer.flush()).not.toThrow();
  });
});

it('the pipe of others stays as it was, and so does what is no pipe', () => {
  const own = withoutWaiting(inherited);
  expect([own === inherited, fstatSync(own).ino]).toEqual([false, fstatSync(inherited).ino]);
  closeSync(own);
  const file = openSync(join(folder, 'file'), 'w');
  expect(withoutWaiting(file)).toBe(file);
  closeSync(file);
  expect(withoutWaiting(-1)).toBe(-1);
});
