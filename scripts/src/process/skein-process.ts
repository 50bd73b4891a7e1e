import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandOf, isAlive, processTree, signal, treePssMiB } from './tree.js';

/** What Skein tells its clients in `<data>/devnet.json`. */
export interface Devnet {
  readonly frontUrl: string;
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly siweDomain: string;
  readonly operatorToken: string;
  /** Development keys follow from it: the deployer is `devAccount(seed, "deployer")`. */
  readonly seed: string;
  readonly addressBook: string;
  readonly grpc: Record<string, string>;
}

/** What is started: everything in one process, or each service's roles as processes of their own. */
export type Target = 'all-in-one' | 'cluster';

/** How Skein is started. */
export interface SkeinOptions {
  /** Default: all-in-one. */
  readonly target?: Target;
  /** Of a cluster. */
  readonly eventLog?: 'kafka' | 'embedded';
  /** Of a cluster: `service=N,…`. */
  readonly instances?: string;
  readonly data: string;
  readonly portBase: number;
  readonly seed: string;
  readonly env?: Record<string, string>;
  /** Default: yes. Whoever measures CPU time has no use for it. */
  readonly sampleMemory?: boolean;
}

const mainOf = (target: Target): string => fileURLToPath(new URL(`../../../deploy/${target}/dist/main.js`, import.meta.url));
/** A cluster compiles the same code in 22 processes before it is ready. */
const READY_TIMEOUT_MS: Readonly<Record<Target, number>> = { 'all-in-one': 60_000, cluster: 240_000 };
/** Looking at the memory of some 200 processes costs as much as running them, if it is done as often as for a few. */
const SAMPLE_MS: Readonly<Record<Target, number>> = { 'all-in-one': 250, cluster: 3_000 };

/** Skein as a child process: start, measure, kill -9 with everything below it, start again, stop. */
export class SkeinProcess {
  readonly options: SkeinOptions;
  memoryMiBPeak = 0;
  private child: ChildProcess | undefined;
  private sampler: NodeJS.Timeout | undefined;
  private output = '';
  private expectExit = false;

  constructor(options: SkeinOptions) {
    this.options = options;
  }

  /** Starts and waits until the whole is ready. Returns the milliseconds that took. */
  async start(): Promise<number> {
    const started = performance.now();
    const { data, portBase, seed, env, eventLog, instances } = this.options;
    const kind = [...(eventLog === undefined ? [] : ['--event-log', eventLog]), ...(instances === undefined ? [] : ['--instances', instances])];
    this.expectExit = false;
    this.output = '';
    const child = spawn(process.execPath, ['--enable-source-maps', mainOf(this.target), '--data', data, '--port-base', String(portBase), '--seed', seed, ...kind, '--quiet'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true });
    this.child = child;
    if (this.options.sampleMemory ?? true) this.sampler ??= setInterval(() => this.sample(), SAMPLE_MS[this.target]).unref();
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.output = `${this.output}${chunk.toString()}`.slice(-20_000)));
    await this.untilReady(child);
    return performance.now() - started;
  }

  get target(): Target {
    return this.options.target ?? 'all-in-one';
  }

  /** The processes of services in a cluster, by `<service> <role>`, in a fixed order. */
  serviceProcesses(): { readonly name: string; readonly pid: number }[] {
    return processTree(this.pid).flatMap(({ pid }) => {
      const [, service, role] = /services\/([a-z-]+)\/dist\/main\.js (api|worker|all)/.exec(commandOf(pid)) ?? [];
      return service === undefined ? [] : [{ name: `${service} ${role}`, pid }];
    }).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.pid - b.pid));
  }

  /** kill -9 of one process of a cluster, which starts it again; waits until it is gone. */
  async killOne(pid: number): Promise<void> {
    signal(pid, 'SIGKILL');
    while (isAlive(pid)) await wait(20);
  }

  /** Waits until a Skein that runs is ready, wholly. */
  async untilWhole(): Promise<void> {
    if (this.child !== undefined) await this.untilReady(this.child);
  }

  private async untilReady(child: ChildProcess): Promise<void> {
    const timeoutMs = READY_TIMEOUT_MS[this.target];
    const until = performance.now() + timeoutMs;
    while (performance.now() < until) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Skein ended while starting (${child.exitCode ?? child.signalCode}):\n${this.output}`);
      if (await this.isReady()) return;
      await wait(50);
    }
    throw new Error(`Skein was not ready within ${timeoutMs / 1000} s:\n${this.output}`);
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.options.portBase}/health/ready`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }

  /** What a client needs to know; written by Skein before it is ready. */
  devnet(): Devnet {
    return JSON.parse(readFileSync(join(this.options.data, 'devnet.json'), 'utf8')) as Devnet;
  }

  /** Process id of the all-in-one or of the cluster. */
  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error('Skein is not running');
    return pid;
  }

  /** Memory of Skein, PostgreSQL, anvil and the runners together, in MiB (PSS). */
  memoryMiB(): number {
    return this.child?.pid === undefined ? 0 : treePssMiB(this.child.pid);
  }

  private sample(): void {
    this.memoryMiBPeak = Math.max(this.memoryMiBPeak, this.memoryMiB());
  }

  /** The last lines it printed, for an error message. */
  lastOutput(): string {
    return this.output;
  }

  /** True when it ended although nobody asked it to. */
  get crashed(): boolean {
    return !this.expectExit && this.child !== undefined && (this.child.exitCode !== null || this.child.signalCode !== null);
  }

  /** kill -9 of Skein, its workers, runners and PostgreSQL; the devnet gets SIGTERM, since it only saves its chain then. */
  async kill(): Promise<number> {
    if (this.child?.pid === undefined || !isAlive(this.child.pid)) return 0;
    const tree = processTree(this.pid);
    this.expectExit = true;
    for (const { pid, name } of tree) signal(pid, name.startsWith('anvil') ? 'SIGTERM' : 'SIGKILL');
    while (tree.some(({ pid }) => isAlive(pid))) await wait(20);
    return tree.length;
  }

  /** SIGTERM, then waits for a graceful end; what is left after 10 s is killed and reported as an error. */
  async stop(): Promise<void> {
    clearInterval(this.sampler);
    if (this.child?.pid === undefined || !isAlive(this.child.pid)) return;
    const tree = processTree(this.child.pid);
    this.expectExit = true;
    signal(this.child.pid, 'SIGTERM');
    const until = performance.now() + 10_000;
    while (tree.some(({ pid }) => isAlive(pid)) && performance.now() < until) await wait(50);
    const left = tree.filter(({ pid }) => isAlive(pid));
    for (const { pid } of left) signal(pid, 'SIGKILL');
    if (left.length > 0) throw new Error(`still alive 10 s after SIGTERM: ${left.map(({ pid, name }) => `${name} (${pid})`).join(', ')}`);
  }
}
