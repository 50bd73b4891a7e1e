import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A child process that runs a TypeScript file, for tests that kill. */
export interface TsChild {
  process: ChildProcess;
  /** Lines of its stdout so far. */
  lines: string[];
  /** What it wrote to stderr so far. */
  stderr(): string;
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>;
  /** Resolves with the first line (also an earlier one) that passes; rejects when the child ends before. */
  line(passes: (line: string) => boolean): Promise<string>;
}

/** Starts `file` (a module URL, without decorators) in a Node process of its own. */
export function spawnTs(file: URL, args: readonly string[] = [], env: Record<string, string> = {}): TsChild {
  const register = new URL('../src/register-ts.mjs', import.meta.url);
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--no-warnings', `--import=${register.href}`, fileURLToPath(file), ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', ...env } },
  );
  const lines: string[] = [];
  let stderr = '';
  const waiting = new Set<() => void>();
  const tell = (): void => waiting.forEach((look) => look());
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    tell();
  });
  let over = false;
  const ended = new Promise<number | string>((resolve) => child.once('close', (code, signal) => {
    over = true;
    resolve(signal ?? code ?? 'unknown');
    tell();
  }));
  const line = (passes: (text: string) => boolean): Promise<string> => new Promise((resolve, rejectLine) => {
    const look = (): void => {
      const found = lines.find(passes);
      if (found === undefined && !over) return;
      waiting.delete(look);
      if (found === undefined) rejectLine(new Error(`the child ended before:\n${stderr}`));
      else resolve(found);
    };
    waiting.add(look);
    look();
  });
  return { process: child, lines, stderr: () => stderr, ended, line };
}
