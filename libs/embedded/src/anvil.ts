import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** How to start a devnet. */
export interface AnvilOptions {
  /** Keeps the chain: read when starting, written when stopping. Without it the chain ends with the process. */
  readonly stateFile?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Seconds between empty blocks (fractions allowed), beside the block each transaction gets at once. 0: none, for tests. */
  readonly blockTimeSeconds?: number;
  /** Recent blocks whose state can still be read. More cost about 1 MiB each. */
  readonly statesKept?: number;
  /** `safe` is so many blocks behind `latest`, `finalized` twice as many; default 1. */
  readonly slotsPerEpoch?: number;
  /** BIP-39 phrase of the ten funded accounts; default: the well-known test phrase. */
  readonly mnemonic?: string;
}

/** A running devnet. `finalized` is two blocks behind `latest`, unless `slotsPerEpoch` says otherwise. */
export interface Anvil {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly port: number;
  /** The devnet's own process. */
  readonly pid: number;
  /** Mines empty blocks. */
  mine(count: number): Promise<void>;
  /** Writes the state file and ends the process. */
  stop(): Promise<void>;
}

/** Chain id of the devnet. */
export const ANVIL_CHAIN_ID = 31_337;

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 10_000;
const STATES_KEPT = 32;

/*
 * The shell holds a pipe from us. When it closes, because we stop or because we died in whatever way, the devnet gets SIGTERM
 * and so writes its state. The first line of output is the devnet's process id.
 */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- >/dev/null &
child=$!
echo $child
( read -r _ <&3; kill -TERM $child ) >/dev/null 2>&1 &
guard=$!
wait $child
code=$?
kill $guard 2>/dev/null
exit $code`;

/** Starts a devnet and waits until it answers. Throws an `Error` that names the port or the file that is in the way. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const port = await unusedPort(options.port ?? 0);
  if (options.stateFile !== undefined) {
    await previousOwnerGone(options.stateFile);
    keepOneGenesis(options.stateFile);
  }
  const child = spawn('sh', ['-c', GUARD, 'sh', binary(), ...argumentsOf(port, options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const problems: string[] = [];
  child.stderr!.on('data', (chunk: Buffer) => problems.push(chunk.toString()));
  child.stdin!.on('error', () => undefined);
  const pid = await firstLine(child);
  if (options.stateFile !== undefined) writeFileSync(pidFile(options.stateFile), String(pid));
  const rpcUrl = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, rpcUrl, () => problemOf(problems.join(''), port, options.stateFile));
  } catch (error) {
    await stopped(child, pid);
    throw error;
  }
  return running({ child, pid, port, rpcUrl, blockTimeSeconds: options.blockTimeSeconds ?? 1 });
}

async function running(parts: {
  child: ChildProcess;
  pid: number;
  port: number;
  rpcUrl: string;
  blockTimeSeconds: number;
}): Promise<Anvil> {
  const { child, pid, port, rpcUrl, blockTimeSeconds } = parts;
  const mine = async (count: number): Promise<void> => {
    for (let block = 0; block < count; block += 1) await rpc(rpcUrl, 'evm_mine');
  };
  // The devnet's own block timer keeps the state of 1 500 blocks (1 GiB); asking for each block keeps `statesKept`.
  const timer = blockTimeSeconds > 0 ? setInterval(() => void mine(1).catch(() => undefined), blockTimeSeconds * 1000) : undefined;
  timer?.unref();
  // A chain read from a file knows the state of its last block only: two more make `finalized` readable again.
  if (blockTimeSeconds > 0) await mine(2);
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    clearInterval(timer);
    stopping ??= stopped(child, pid);
    return stopping;
  };
  return { rpcUrl, chainId: ANVIL_CHAIN_ID, port, pid, mine, stop };
}

function argumentsOf(port: number, options: AnvilOptions): string[] {
  const fixed = ['--quiet', '--host', '127.0.0.1', '--port', String(port), '--chain-id', String(ANVIL_CHAIN_ID)];
  const chain = ['--slots-in-an-epoch', String(options.slotsPerEpoch ?? 1), '--prune-history', String(options.statesKept ?? STATES_KEPT)];
  // A reorg or rollback on request spills states to disk: into the home folder, unless told otherwise.
  const cache = ['--cache-path', options.stateFile === undefined ? join(tmpdir(), 'skein-anvil') : `${options.stateFile}.cache`];
  const state = options.stateFile === undefined ? [] : ['--state', options.stateFile];
  const mnemonic = options.mnemonic === undefined ? [] : ['--mnemonic', options.mnemonic];
  return [...fixed, ...chain, ...cache, ...state, ...mnemonic];
}

function binary(): string {
  const name = process.arch === 'x64' ? '@foundry-rs/anvil-linux-amd64' : `@foundry-rs/anvil-${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'anvil');
  } catch {
    throw new Error(`no devnet for this machine: the package ${name} is not installed`);
  }
}

const pidFile = (stateFile: string): string => `${stateFile}.pid`;

/** Whether `pid` is a devnet that will write `stateFile` when it ends. */
function ownsState(pid: number, stateFile: string): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return args.includes(stateFile) && args[0]!.endsWith('anvil');
  } catch {
    return false;
  }
}

/*
 * After a kill the old devnet is still writing its state when we are started again: reading now would give the file as it was
 * at its start, a chain that lacks blocks which others have seen as final.
 */
async function previousOwnerGone(stateFile: string): Promise<void> {
  if (!existsSync(pidFile(stateFile))) return;
  const pid = Number(readFileSync(pidFile(stateFile), 'utf8'));
  for (let waitedMs = 0; ownsState(pid, stateFile); waitedMs += 50) {
    if (waitedMs >= STOP_MS_MAX) throw new Error(`the chain's state file ${stateFile} is in use by process ${pid}`);
    await delay(50);
  }
}

/** A port nobody listens on: `wanted`, or any for 0. Asked first, because another devnet there would answer like ours. */
function unusedPort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', () => reject(new Error(portTaken(wanted))));
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)));
    });
  });
}

const portTaken = (port: number): string => `the devnet's port ${port} is taken`;

function firstLine(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    createInterface({ input: child.stdout! }).once('line', (line) => resolve(Number(line)));
  });
}

async function untilReady(child: ChildProcess, rpcUrl: string, problem: () => string): Promise<void> {
  let exited = false;
  child.once('exit', () => (exited = true));
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += 25) {
    if (exited) throw new Error(problem());
    const chainId = await rpc(rpcUrl, 'eth_chainId').catch(() => undefined);
    if (chainId === undefined) await delay(25);
    if (!exited && chainId === `0x${ANVIL_CHAIN_ID.toString(16)}`) return;
  }
  throw new Error(`the devnet did not answer on ${rpcUrl} within ${START_MS_MAX} ms`);
}

function problemOf(stderr: string, port: number, stateFile: string | undefined): string {
  if (stderr.includes('in use')) return portTaken(port);
  if (stderr.includes('--state')) return `the chain's state file ${stateFile} cannot be read: ${stderr.split('\n')[0]}`;
  return `the devnet ended while starting: ${stderr.trim()}`;
}

async function stopped(child: ChildProcess, pid: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin!.end();
  const patience = setTimeout(() => process.kill(pid, 'SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(patience);
}

async function rpc(rpcUrl: string, method: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(rpcUrl, { method: 'POST', headers, body, signal: AbortSignal.timeout(5_000) });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}

interface State {
  readonly blocks: readonly { readonly header: { readonly number: string; readonly timestamp: string } }[];
}

/**
 * The devnet begins with a fresh genesis before it reads its state file, and writes every block it has ever had: after two
 * restarts the file holds several blocks with the number 0, and which of them answers is chance. Keeps the oldest one, which
 * is the parent of block 1. Returns how many were removed.
 */
export function keepOneGenesis(stateFile: string): number {
  if (!existsSync(stateFile)) return 0;
  let state: State;
  try {
    state = JSON.parse(readFileSync(stateFile, 'utf8')) as State;
  } catch {
    return 0; // the devnet itself says what is wrong with its file
  }
  const geneses = (state.blocks ?? []).filter(({ header }) => Number(header.number) === 0);
  if (geneses.length < 2) return 0;
  const oldest = geneses.reduce((first, block) => (Number(block.header.timestamp) < Number(first.header.timestamp) ? block : first));
  const blocks = state.blocks.filter((block) => Number(block.header.number) !== 0 || block === oldest);
  writeFileSync(`${stateFile}.new`, JSON.stringify({ ...state, blocks }));
  renameSync(`${stateFile}.new`, stateFile);
  return geneses.length - 1;
}
