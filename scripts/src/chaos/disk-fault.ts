import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { Stage } from './stage.js';

const SIZE_MIB = 640;
const FULL_MS = 2_500;

const tmpfs = (folder: string): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=0755`, 'tmpfs', folder], { stdio: 'ignore' }).status === 0;

/** A mounted folder of limited size; undefined where that is not allowed. */
function mountSmall(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'skein-chaos-disk-'));
  if (tmpfs(folder)) return folder;
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder], { stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}

/** Writes until nothing more fits; returns the bytes that were free. */
function fill(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  const chunk = Buffer.alloc(1 << 20);
  let written = 0;
  const file = join(folder, 'filler');
  writeFileSync(file, '');
  try {
    for (; written < bavail * bsize; written += chunk.length) writeFileSync(file, chunk, { flag: 'a' });
  } catch {
    // Full: what was asked for.
  }
  return written;
}

/** The disk of PostgreSQL is full for some seconds. */
export const diskFaults: readonly Fault[] = [{
  name: 'disk.full',
  what: `PostgreSQL's disk is full for ${FULL_MS / 1000} s`,
  impossible: async () => {
    const folder = mountSmall();
    if (folder === undefined) return 'a tmpfs cannot be mounted here';
    unmount(folder);
    return undefined;
  },
  prepare: async ({ stage: { options }, play: { moments }, portBase }, random) => {
    const folder = mountSmall();
    if (folder === undefined) throw new Error('a tmpfs cannot be mounted here');
    const stage = await Stage.open(portBase, { ...options, dataDir: join(folder, 'postgres') });
    const moment = moments[random.intBelow(moments.length)];
    let struck = 0;
    return {
      story: `in "${moment}"`,
      stage,
      struck: () => struck,
      disturbance: {
        during: async (_run, name) => {
          if (name !== moment) return;
          struck = fill(folder) > 0 ? 1 : 0;
          await wait(FULL_MS);
          rmSync(join(folder, 'filler'), { force: true });
          await stage.revivePostgres();
        },
        after: () => rmSync(join(folder, 'filler'), { force: true }),
        end: async () => {
          await stage.close();
          unmount(folder);
        },
      },
    };
  },
}];
