import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { taskStakingAbi, type AddressBook } from '@skein/contracts-evm';
import { freePort, type Anvil, type EmbeddedPostgres } from '@skein/embedded';
import { asAdmin } from '../event-store/server.js';
import { ponderFiles } from './ponder-app.js';

/** The newest release that installs; `latest` names an older one. */
export const PONDER = '0.16.10';
const INSTALL_MS_MAX = 600_000;
const READY_MS_MAX = 1_800_000;
const STOP_MS_MAX = 10_000;
const LOG_MAX = 20_000;
const LOOK_MS = 10;

/** Where Ponder lies, or why it does not. */
export type PonderPlace = { readonly folder: string } | { readonly skipped: string };

/** The chain that both read. */
export interface PonderChain {
  readonly anvil: Anvil;
  readonly book: AddressBook;
}

const mainOf = (folder: string): string => join(folder, 'node_modules', 'ponder', 'dist', 'esm', 'bin', 'ponder.js');

/** Installs Ponder once into a folder of its own: its dependencies are none of this repository's. */
export async function installPonder(folder = join(tmpdir(), `skein-bench-ponder-${PONDER}`)): Promise<PonderPlace> {
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(ponderFiles(taskStakingAbi))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  if (existsSync(mainOf(folder))) return { folder };
  const dependencies = { ponder: PONDER, hono: '^4.5.0', viem: '^2.21.0' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  try {
    await promisify(execFile)('npm', ['install', '--legacy-peer-deps', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder, timeout: INSTALL_MS_MAX });
    return { folder };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return { skipped: `Ponder ${PONDER} cannot be installed: ${/npm error[^\n]*/.exec(String((error as { stderr?: string }).stderr))?.[0] ?? (error as Error).message}` };
  }
}

/** Seconds from when a fresh Ponder serves until it has all events of the chain in its tables. */
export async function ponderBackfill({ folder }: { readonly folder: string }, server: EmbeddedPostgres, { anvil, book }: PonderChain, staked: bigint): Promise<number> {
  const database = await server.createDatabase('bench_ponder');
  const port = await freePort();
  // What it was built from before, and its cache of the chain, would be a head start.
  await rm(join(folder, '.ponder'), { recursive: true, force: true });
  const child = spawn(process.execPath, [mainOf(folder), 'start', '--schema', 'bench', '--port', String(port), '--log-level', 'warn'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '', HOME: folder, PONDER_TELEMETRY_DISABLED: 'true', DATABASE_URL: database.ownerUrl, BENCH_RPC_URL: anvil.rpcUrl,
      BENCH_CHAIN_ID: String(anvil.chainId), BENCH_ADDRESS: book.taskStaking, BENCH_FROM_BLOCK: String(book.fromBlock),
    },
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const said = saidBy(child);
  try {
    const alive = (path: string): Promise<boolean> => fetch(`http://127.0.0.1:${port}${path}`).then(({ ok }) => ok, () => false);
    await until(() => alive('/health'), child, said);
    const fromMs = performance.now();
    await until(() => alive('/ready'), child, said);
    const seconds = (performance.now() - fromMs) / 1_000;
    const [total] = await asAdmin<{ units: string }>(database.ownerUrl, `SELECT units FROM bench.total WHERE name = 'staked'`);
    if (BigInt(total?.units ?? 0) !== staked) throw new Error(`Ponder has ${total?.units} staked, the contract ${staked}`);
    return seconds;
  } finally {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
  }
}

/** The first trouble of its log, as its console shows it. */
function saidBy(child: ChildProcess): () => string {
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(0, LOG_MAX)));
  return () => /(?:WARN|ERROR|Error)[^\n]*(?:\n[^\n]+)?/.exec(log)?.[0].replace(/\s+/g, ' ') ?? log.slice(0, 300);
}

async function until(reached: () => Promise<boolean>, child: ChildProcess, said: () => string): Promise<void> {
  const fromMs = performance.now();
  while (!(await reached())) {
    if (child.exitCode !== null) throw new Error(`Ponder ended with ${child.exitCode}: ${said()}`);
    if (performance.now() - fromMs > READY_MS_MAX) throw new Error(`Ponder has not become ready: ${said()}`);
    await wait(LOOK_MS);
  }
}
