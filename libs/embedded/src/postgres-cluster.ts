import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresBinaries, RunAs } from './postgres-binaries.js';

/** A database cluster on disk and its administrator's password. */
export interface Cluster {
  folder: string;
  adminPassword: string;
  /** Exists until the files that initdb wrote are known to be on disk. */
  unflushedFile: string;
}

const exists = async (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** Runs a program to its end; throws with what it wrote when it fails. */
async function runToEnd(command: string[], as: RunAs, cwd: string, signal?: AbortSignal): Promise<void> {
  const [program = '', ...args] = [...as.prefix, ...command];
  const child = spawn(program, args, { cwd, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'], uid: as.uid, gid: as.gid, signal, killSignal: 'SIGKILL' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, rejectRun) => child.once('error', rejectRun).once('close', resolve));
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${output.trim().slice(-2_000)}`);
}

async function own(path: string, as: RunAs): Promise<void> {
  if (as.owner) await chown(path, as.owner.uid, as.owner.gid);
}

/**
 * Opens the cluster below `dataDir`, making it first where there is none. It is made beside its place and renamed, so a
 * kill in between leaves nothing half made; leftovers of such a kill are removed. It is not flushed to disk: see `flushCluster`.
 */
export async function openCluster(dataDir: string, binaries: PostgresBinaries, as: RunAs): Promise<Cluster> {
  await mkdir(dataDir, { recursive: true, mode: as.prefix.length === 0 && as.owner ? 0o711 : 0o700 });
  const folder = join(dataDir, 'pg');
  const secretFile = join(dataDir, 'admin.secret');
  const unflushedFile = join(dataDir, 'pg.unflushed');
  if (await exists(join(folder, 'PG_VERSION'))) return { folder, unflushedFile, adminPassword: (await readFile(secretFile, 'utf8')).trim() };
  for (const name of await readdir(dataDir)) if (name.startsWith('pg.new')) await rm(join(dataDir, name), { recursive: true, force: true });
  const adminPassword = randomBytes(24).toString('base64url');
  await writeFile(secretFile, `${adminPassword}\n`, { mode: 0o600 });
  const fresh = join(dataDir, 'pg.new');
  const passwordFile = join(dataDir, 'pg.new.secret');
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, adminPassword, { mode: 0o600 });
  await Promise.all([own(fresh, as), own(passwordFile, as)]);
  await runToEnd(
    [binaries.initdb, '-D', fresh, '-U', 'postgres', '--encoding=UTF8', '--locale=C', `--pwfile=${passwordFile}`, '--auth-local=reject',
      '--auth-host=scram-sha-256', '--no-sync', '--no-instructions',
      // Passwords are 192 random bits: stretching them would only slow every connection down.
      '--set', 'scram_iterations=64'],
    as, dataDir,
  );
  await rm(passwordFile);
  await writeFile(unflushedFile, '');
  await rename(fresh, folder);
  return { folder, adminPassword, unflushedFile };
}

/**
 * Flushes what initdb wrote, beside the running server: it takes long on a busy disk and only a power failure could tell the
 * difference. Goes on at the next start where it was interrupted.
 */
export async function flushCluster(cluster: Cluster, binaries: PostgresBinaries, as: RunAs, signal: AbortSignal): Promise<void> {
  if (!(await exists(cluster.unflushedFile))) return;
  await runToEnd([binaries.initdb, '-D', cluster.folder, '--sync-only'], as, '/', signal);
  await rm(cluster.unflushedFile, { force: true });
}
