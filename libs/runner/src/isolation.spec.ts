import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeRunnerFolder, sweepRunnerFolders } from './folders.js';
import { findLauncher } from './isolation.js';

/** Starts a busy child behind the launcher's prefix; the child says its process id on the stdout that both share. */
const BUSY = `require('node:fs').writeSync(1, String(process.pid)); for (;;) {}`;
const PARENT = `
const { spawn } = require('node:child_process');
const [program, ...args] = [...JSON.parse(process.argv[1]), process.execPath, '-e', ${JSON.stringify(BUSY)}];
spawn(program, args, { stdio: ['ignore', 'inherit', 'ignore'] });
`;

describe('a runner whose parent is killed', () => {
  it('dies with it, even in the middle of a run', async () => {
    const { prefix, report } = await findLauncher();
    const parent = spawn(process.execPath, ['-e', PARENT, JSON.stringify(prefix)], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(process.kill(pid, 0)).toBe(true);
    // The pipe ends only when nobody holds it any more: neither the parent nor the busy child.
    const gone = Promise.all([once(parent, 'exit'), once(parent.stdout.resume(), 'end')]);
    parent.kill('SIGKILL');
    if (!report.diesWithParent) process.kill(pid, 'SIGKILL');
    await gone;
    expect(parent.signalCode).toBe('SIGKILL');
  });
});

describe('folders of runners', () => {
  it('that killed processes left behind are removed, those of living ones are not', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const left = join(tmpdir(), `skein-runner-${dead.pid}-left`);
    mkdirSync(join(left, 'inner'), { recursive: true });
    const living = await makeRunnerFolder();
    await sweepRunnerFolders();
    expect([existsSync(left), existsSync(living)]).toEqual([false, true]);
    rmSync(living, { recursive: true });
  });
});
