import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

function start(output: number | 'pipe'): ChildProcess {
  const register = new URL('../../testing/src/register-ts.mjs', import.meta.url);
  const args = ['--conditions=source', '--no-warnings', `--import=${register.href}`, fileURLToPath(new URL('./unread-child.ts', import.meta.url))];
  return spawn(process.execPath, args, { stdio: ['ignore', output, 'inherit', 'ipc'], env: { ...process.env, NODE_OPTIONS: '' } });
}

/** Which signal or code ends it, where nobody has read what it said before. */
async function endOf(started: ChildProcess): Promise<unknown> {
  child = started;
  expect(await once(started, 'message')).toEqual(['said', undefined]);
  started.kill('SIGTERM');
  const [code, signal] = (await once(started, 'exit')) as [number | null, string | null];
  return signal ?? code;
}

test('a process whose output nobody reads goes on, and ends by SIGTERM: where Node started it', async () => {
  expect(await endOf(start('pipe'))).toBe(0);
});

test('and where a shell did, whose pipes hold up who writes to them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-unread-'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const reader = openSync(join(folder, 'pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(join(folder, 'pipe'), constants.O_WRONLY);
  try {
    expect(await endOf(start(writer))).toBe(0);
  } finally {
    for (const fd of [reader, writer]) closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});
