import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { Stage } from './stage.js';

const SIZE_MIB = 640;
const FULL_MS = 2_500;
/** Where nothing has to be written, a full disk goes unnoticed for a while. */
const MET_MS_MAX = 20_000;
const LOOK_MS = 50;
/** From the ports of the runs to those of the parts of this fault's own. */
const OTHER_PORTS = 200;

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

/** Writes until nothing more fits. */
function fill(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  const chunk = Buffer.alloc(1 << 20);
  const file = join(folder, 'filler');
  writeFileSync(file, '');
  try {
    for (let written = 0; written < bavail * bsize; written += chunk.length) writeFileSync(file, chunk, { flag: 'a' });
  } catch {
    // Full: what was asked for.
  }
}

const free = (folder: string): void => rmSync(join(folder, 'filler'), { force: true });

/** A folder for PostgreSQL on the small disk whose log lies elsewhere: on a full disk it could not say so. */
function dataOn(folder: string, log: string): string {
  const data = join(folder, 'postgres');
  mkdirSync(data, { mode: 0o711 });
  writeFileSync(log, '');
  symlinkSync(log, join(data, 'postgres.log'));
  return data;
}

/** How often PostgreSQL was refused a write, by its own log, which begins anew with each start. */
const refusals = (log: string): number => readFileSync(log, 'utf8').split('No space left on device').length - 1;

/** Fills the disk, waits until PostgreSQL has met that, lets it stand for a while and makes room; how often it was met. */
async function strike(folder: string, log: string): Promise<number> {
  const before = refusals(log);
  fill(folder);
  for (let waitedMs = 0; refusals(log) === before && waitedMs < MET_MS_MAX; waitedMs += LOOK_MS) await wait(LOOK_MS);
  await wait(FULL_MS);
  free(folder);
  return refusals(log) - before;
}

/** The disk of PostgreSQL is full for some seconds. */
export const diskFaults: readonly Fault[] = [{
  name: 'disk.full',
  what: `PostgreSQL's disk is full for ${FULL_MS / 1000} s from the first write that is refused`,
  impossible: async () => {
    const folder = mountSmall();
    if (folder === undefined) return 'a tmpfs cannot be mounted here';
    unmount(folder);
    return undefined;
  },
  prepare: async ({ stage: { options, folder: logs }, play: { moments }, portBase }, random) => {
    const folder = mountSmall();
    if (folder === undefined) throw new Error('a tmpfs cannot be mounted here');
    const log = join(logs, `${basename(folder)}.log`);
    const stage = await Stage.open(portBase + OTHER_PORTS, { ...options, dataDir: dataOn(folder, log) });
    const moment = moments[random.intBelow(moments.length)];
    let struck = 0;
    return {
      story: `in "${moment}"`,
      stage,
      struck: () => struck,
      disturbance: {
        during: async (_run, name) => {
          if (name !== moment) return;
          struck = await strike(folder, log);
          await stage.revivePostgres();
        },
        after: () => free(folder),
        end: async () => {
          await stage.close();
          unmount(folder);
        },
      },
    };
  },
}];
