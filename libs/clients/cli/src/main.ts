import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from './run.js';

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

// Whoever reads on may have seen enough (skein streams list | head).
process.stdout.on('error', () => process.exit(0));

const terminal = {
  write: (text: string): void => void process.stdout.write(text),
  warn: (text: string): void => void process.stderr.write(text),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  wait: (ms: number): Promise<void> => wait(ms),
  nowMs: (): number => performance.now(),
  uuid: (): string => randomUUID(),
};

// Not process.exit: a pipe may still hold what was written.
process.exitCode = await run(process.argv.slice(2), terminal, { environment: process.env, read });
