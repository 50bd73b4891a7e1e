import { spawn, type ChildProcess } from 'node:child_process';
import { chown, open, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertPortFree, freePort } from './free-port.js';
import { postgresBinaries, runAs, type PostgresBinaries, type RunAs } from './postgres-binaries.js';
import { flushCluster, openCluster, type Cluster } from './postgres-cluster.js';
import { createDatabase, type DatabaseUrls } from './postgres-databases.js';
import { endOutlived } from './postgres-outlived.js';
import { watchParent } from './postgres-watchdog.js';

/** Where and how the embedded PostgreSQL runs. */
export interface StartPostgresOptions {
  /** Folder of its own, made where missing; may lie below closed folders and hold spaces. */
  dataDir: string;
  /** Fixed port of the loopback, or a free one. Taken: `PortTakenError`. */
  port?: number;
  /** Nothing is flushed to disk, and the folder is removed at the end. */
  ephemeral?: boolean;
  maxConnections?: number;
}

/** A running server. It ends with this process, however that ends. */
export interface EmbeddedPostgres {
  port: number;
  pid: number;
  adminUrl: string;
  /** Settles when the server has ended, asked or not. */
  exited: Promise<void>;
  createDatabase(name: string): Promise<DatabaseUrls>;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;
// Whoever is shutting down says so in the pid file; a guard notices its parent's death at once.
const STOPPING_WITHIN_MS = 15_000;
const NOTICED_WITHIN_MS = 3_000;
const NOTICED_AFTER_ATTEMPTS = 10;

const settings = (port: number, ephemeral: boolean, maxConnections: number): string[] =>
  Object.entries({
    listen_addresses: '127.0.0.1', port, unix_socket_directories: '', max_connections: maxConnections, shared_buffers: '32MB',
    jit: 'off', io_method: 'sync', max_worker_processes: 2, max_parallel_workers_per_gather: 0, wal_level: 'minimal', max_wal_senders: 0,
    min_wal_size: '32MB', max_wal_size: '256MB', scram_iterations: 64, log_min_messages: 'warning', log_checkpoints: 'off',
    log_min_error_statement: 'panic', ...(ephemeral ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

const logFileOf = (options: StartPostgresOptions): string => join(options.dataDir, 'postgres.log');

const pidFileOf = (cluster: Cluster): string => join(cluster.folder, 'postmaster.pid');

async function pidFileLines(cluster: Cluster): Promise<string[]> {
  return readFile(pidFileOf(cluster), 'utf8').then((text) => text.split('\n'), () => []);
}

/** True where the process is a PostgreSQL server on this cluster (the number may belong to somebody else by now). */
async function isServerOf(cluster: Cluster, pid: number): Promise<boolean> {
  const [folder, command] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  ]);
  return folder === cluster.folder || command.split('\0').includes(cluster.folder);
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/**
 * After a kill -9 the old server may still be shutting down, or its number may have gone to a stranger: PostgreSQL would
 * refuse to start in both cases. Waits for the first and removes the file of the second. The file of a dead server stays:
 * by it PostgreSQL finds backends that have outlived it.
 */
async function clearStalePidFile(cluster: Cluster): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const lines = await pidFileLines(cluster);
    const pid = Number(lines[0]);
    if (!Number.isInteger(pid) || pid <= 0) return;
    if (!isAlive(pid)) return;
    if (!(await isServerOf(cluster, pid))) return rm(pidFileOf(cluster), { force: true });
    const patienceMs = lines[7]?.trim() === 'stopping' ? STOPPING_WITHIN_MS : NOTICED_WITHIN_MS;
    if (performance.now() - startedMs > patienceMs) throw new Error(`the data folder ${cluster.folder} is in use by process ${pid}`);
    await sleep(50);
  }
}

async function logTail(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-8).join('\n');
}

interface Launched {
  child: ChildProcess;
  pid: number;
  exited: Promise<void>;
}

async function launch(options: StartPostgresOptions, binaries: PostgresBinaries, as: RunAs, cluster: Cluster, port: number): Promise<Launched> {
  const ephemeral = options.ephemeral ?? false;
  const args = settings(port, ephemeral, options.maxConnections ?? 120);
  const log = await open(logFileOf(options), 'w', 0o600);
  try {
    const [program = '', ...rest] = [...as.prefix, binaries.postgres, '-D', cluster.folder, ...args];
    // A session of its own: Ctrl-C in the terminal must not end the database before those who still write to it.
    const child = spawn(program, rest, {
      cwd: '/', detached: true, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, stdio: ['ignore', log.fd, log.fd], uid: as.uid, gid: as.gid,
    });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
    if (child.pid === undefined) throw new Error(`cannot start ${program}`);
    child.unref();
    const watchdog = watchParent(child.pid, ephemeral ? 'QUIT' : 'INT', ephemeral ? options.dataDir : '');
    void exited.then(() => watchdog.dismiss());
    return { child, pid: child.pid, exited };
  } finally {
    await log.close();
  }
}

/** Waits for the server's own word in its pid file; false where it ended first. */
async function waitReady(cluster: Cluster, launched: Launched): Promise<boolean> {
  let ended = false;
  void launched.exited.then(() => (ended = true));
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!ended && performance.now() < deadline) {
    const lines = await pidFileLines(cluster);
    if (Number(lines[0]) === launched.pid && lines[7]?.trim() === 'ready') return true;
    await sleep(10);
  }
  if (!ended) launched.child.kill('SIGKILL');
  return false;
}

async function launchOnPort(options: StartPostgresOptions, binaries: PostgresBinaries, as: RunAs, cluster: Cluster): Promise<Launched & { port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    if (options.port) await assertPortFree(options.port, 'PostgreSQL');
    const port = options.port || (await freePort());
    await clearStalePidFile(cluster);
    const launched = await launch(options, binaries, as, cluster, port);
    if (await waitReady(cluster, launched)) return { ...launched, port };
    const why = await logTail(logFileOf(options));
    // Retried: a free port lost in a race, and backends of a killed server that have not noticed its death yet.
    const passing = (!options.port && why.includes('could not bind')) || why.includes('still in use');
    if (!passing || attempt >= 20) throw new Error(`PostgreSQL did not start:\n${why}`);
    if (attempt >= NOTICED_AFTER_ATTEMPTS && why.includes('still in use')) await endOutlived(cluster.folder);
    await sleep(100);
  }
}

/**
 * A stop in order ends with a checkpoint, which on a busy disk takes longer than anybody may wait. Everything that was committed is
 * in the log by then: cut short, the next start recovers from it.
 */
const IN_ORDER_WITHIN_MS = 2_500;

async function stopServer(launched: Launched, ephemeral: boolean): Promise<void> {
  const send = (signal: NodeJS.Signals): boolean => launched.child.exitCode === null && launched.child.signalCode === null && launched.child.kill(signal);
  send(ephemeral ? 'SIGQUIT' : 'SIGINT');
  AbortSignal.timeout(IN_ORDER_WITHIN_MS).addEventListener('abort', () => send('SIGQUIT'));
  AbortSignal.timeout(10_000).addEventListener('abort', () => send('SIGKILL'));
  launched.child.ref();
  await launched.exited;
}

/**
 * Starts PostgreSQL on `dataDir`, making the cluster first where there is none, and recovers it after a crash. Only
 * password logins over the loopback. Throws `PortTakenError`, or an error with the end of the server's log.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<EmbeddedPostgres> {
  const ephemeral = options.ephemeral ?? false;
  if (options.port) await assertPortFree(options.port, 'PostgreSQL');
  const binaries = await postgresBinaries();
  const as = runAs(binaries);
  const cluster = await openCluster(options.dataDir, binaries, as);
  if (as.owner) await chown(cluster.folder, as.owner.uid, as.owner.gid);
  const launched = await launchOnPort(options, binaries, as, cluster);
  // A failed or interrupted flush is made up for at the next start.
  const stopping = new AbortController();
  const flushed = ephemeral ? Promise.resolve() : flushCluster(cluster, binaries, as, stopping.signal).catch(() => undefined);
  const adminUrl = `postgres://postgres:${encodeURIComponent(cluster.adminPassword)}@127.0.0.1:${launched.port}/postgres`;
  return {
    port: launched.port,
    pid: launched.pid,
    adminUrl,
    exited: launched.exited,
    createDatabase: (name) => createDatabase(adminUrl, name),
    stop: async () => {
      stopping.abort();
      await flushed;
      await stopServer(launched, ephemeral);
      if (ephemeral) await rm(options.dataDir, { recursive: true, force: true });
    },
  };
}
