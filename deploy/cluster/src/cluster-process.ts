import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@skein/platform';
import type { Guard } from './guard.js';
import { nameOf, type ProcessPorts } from './layout.js';
import { statusOf } from './probe.js';
import type { ProcessId } from './options.js';

/** What a process needs of its cluster. */
export interface ProcessSurroundings {
  readonly guard: Guard;
  /** Environment and Node arguments, asked for at each start. */
  readonly launch: () => Promise<{ readonly env: Readonly<Record<string, string>>; readonly nodeArgs: readonly string[] }>;
  readonly supervise: boolean;
  readonly say: (line: string) => void;
  readonly output: (line: string) => void;
}

/** How a process ended. */
export interface Ended {
  /** Its exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Entry of a built service. */
export const mainOf = (service: ServiceName): string => fileURLToPath(new URL(`../../../services/${service}/dist/main.js`, import.meta.url));

const READY_MS_MAX = 60_000;
const FIRST_PAUSE_MS = 200;
const PAUSE_MS_MAX = 5_000;
/** Whoever ran this long has started well: the next pause is the first one again. */
const SETTLED_MS = 10_000;
/** Callers go elsewhere before it is asked to end, as behind any balancer. */
const LEAVE_MS = 100;
/** More than the drain of a stop takes. */
const STOP_MS_MAX = 9_500;
/** Signals that a service goes on after; SIGUSR2 only where somebody has made it listen. */
const SURVIVED: ReadonlySet<NodeJS.Signals> = new Set(['SIGSTOP', 'SIGCONT', 'SIGUSR2']);
const OUTPUT_KEPT = 20_000;
const LIVE_EVERY_MS = 5_000;
const ANSWER_MS_MAX = 2_000;
/** A process that says that it is dead is replaced at the second time, one that does not answer at the fourth. */
const STRIKES_MAX = 4;
const STRIKES = { live: 0, silent: 1, dead: 2 } as const;

/** One process of the cluster: started, watched, started again when it died, killed and stopped by whoever tests it. */
export class ClusterProcess {
  readonly id: ProcessId;
  readonly name: string;
  readonly ports: ProcessPorts;
  /** Starts so far. */
  starts = 0;
  readonly #around: ProcessSurroundings;
  #child: ChildProcess | undefined;
  #ended: Promise<Ended> = Promise.resolve({ code: null, signal: null });
  #wanted = false;
  #signalled = false;
  #pauseMs = FIRST_PAUSE_MS;
  #answered: ChildProcess | undefined;
  #env: Readonly<Record<string, string>> = {};
  #output = '';

  constructor(id: ProcessId, ports: ProcessPorts, around: ProcessSurroundings) {
    this.id = id;
    this.name = nameOf(id);
    this.ports = ports;
    this.#around = around;
  }

  /** Process id; throws while it does not run. */
  get pid(): number {
    if (!this.alive || this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  /** Whether the process exists now. */
  get alive(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether new connections may go to it: it runs and nobody has asked it to end. */
  get usable(): boolean {
    return this.alive && !this.#signalled;
  }

  /** Environment of the last start, without what every process inherits. */
  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** The last lines it printed. */
  get lastOutput(): string {
    return this.#output;
  }

  /** Settles when the process of now has ended. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Starts it and returns at once; `untilReady` waits. */
  async start(): Promise<void> {
    if (this.alive) return;
    this.#wanted = true;
    const { env, nodeArgs } = await this.#around.launch();
    // Stopped while it was waiting for its environment: nobody would end it any more.
    if (!this.#wanted || this.alive) return;
    this.#env = env;
    this.#signalled = false;
    this.starts += 1;
    const { service, role } = this.id;
    // A session of its own: Ctrl-C in a terminal is answered by the cluster, which ends everybody in order.
    const child = spawn(process.execPath, ['--enable-source-maps', ...nodeArgs, mainOf(service), role], { env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    if (child.pid !== undefined) this.#around.guard.add(child.pid);
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => this.#heard(line));
    const startedMs = performance.now();
    if (this.#around.supervise) this.#watch(child);
    this.#ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })).once('error', () => resolve({ code: null, signal: null })));
    void this.#ended.then(() => this.#gone(child, startedMs));
  }

  /** Waits until `/health/ready` says yes. Throws with its last words when it ended, or never became ready. */
  async untilReady(timeoutMs: number = READY_MS_MAX): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      if (await this.isReady()) return;
      const ended = !this.alive && !(this.#around.supervise && this.#wanted);
      if (ended || performance.now() > until) throw new Error(`${this.name} ${ended ? 'ended' : `was not ready within ${timeoutMs} ms`}:\n${this.#output.trim()}`);
      await delay(50);
    }
  }

  /** Its own answer at `/health/ready`. */
  async isReady(): Promise<boolean> {
    return (await this.#probe('ready')) === 'live';
  }

  /** Its own answer at `/health/live`; false too when there is no answer. */
  async isLive(): Promise<boolean> {
    return (await this.#probe('live')) === 'live';
  }

  /** Sends a signal (default SIGKILL). What dies of it counts as died: where the cluster supervises, it is started again. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (!SURVIVED.has(signal)) this.#signalled = true;
    this.#child?.kill(signal);
  }

  /** `stop`, then starts it again and waits until it is ready. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
    await this.untilReady();
  }

  /** Takes it from its balancers, SIGTERM, waits for the end (SIGKILL after `timeoutMs`) and leaves it ended. */
  async stop(timeoutMs: number = STOP_MS_MAX): Promise<void> {
    this.#wanted = false;
    if (!this.alive) return;
    this.#signalled = true;
    await delay(LEAVE_MS);
    this.kill('SIGTERM');
    const late = setTimeout(() => this.kill('SIGKILL'), timeoutMs);
    await this.#ended;
    clearTimeout(late);
  }

  async #gone(child: ChildProcess, startedMs: number): Promise<void> {
    const { guard, say, supervise } = this.#around;
    if (child.pid !== undefined) guard.drop(child.pid);
    if (!this.#wanted) return;
    if (performance.now() - startedMs > SETTLED_MS) this.#pauseMs = FIRST_PAUSE_MS;
    const how = child.signalCode ?? `code ${child.exitCode}`;
    if (!supervise) return say(`${this.name} ended (${how})`);
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
    say(`${this.name} ended (${how}); it is started again in ${pauseMs} ms`);
    await delay(pauseMs);
    if (!this.#wanted || this.#child !== child) return;
    try {
      await this.start();
    } catch (error) {
      say(`${this.name} could not be started again: ${String(error)}`);
    }
  }

  /** Replaces a process whose workers have died, or that hangs, as any orchestrator would by its liveness. */
  #watch(child: ChildProcess): void {
    let strikes = 0;
    let asking = false;
    const timer = setInterval(async () => {
      if (asking) return;
      asking = true;
      const answer = await this.#probe('live');
      asking = false;
      // Before it listens for the first time it is silent too: its start has a time limit of its own.
      if (answer === 'live') this.#answered = child;
      if (this.#answered !== child || this.#signalled) return;
      strikes = answer === 'live' ? 0 : strikes + STRIKES[answer];
      if (strikes < STRIKES_MAX || this.#child !== child) return;
      clearInterval(timer);
      this.#around.say(answer === 'dead' ? `${this.name} says that it is dead; it is replaced` : `${this.name} does not answer; it is replaced`);
      this.kill();
    }, LIVE_EVERY_MS).unref();
    child.once('exit', () => clearInterval(timer));
  }

  #heard(line: string): void {
    this.#output = `${this.#output}${line}\n`.slice(-OUTPUT_KEPT);
    this.#around.output(line);
  }

  async #probe(what: 'live' | 'ready'): Promise<keyof typeof STRIKES> {
    if (!this.alive) return 'silent';
    const status = await statusOf(`http://127.0.0.1:${this.ports.http}/health/${what}`, ANSWER_MS_MAX);
    if (status === undefined) return 'silent';
    return status === 200 ? 'live' : 'dead';
  }
}

/** What a process gets of this one's environment: never the administrator's URLs, which only the cluster itself uses. */
function inherited(): NodeJS.ProcessEnv {
  const hidden = new Set(['DATABASE_URL', 'MIGRATION_DATABASE_URL', 'EVENT_LOG_URL', 'KAFKA_BROKERS']);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !hidden.has(name)));
}

/** Migrates a service's database by its own `migrate` role, and waits for the end. */
export async function migrate(service: ServiceName, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, ['--enable-source-maps', mainOf(service), 'migrate'], { env: { ...inherited(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${service} could not be migrated:\n${output.trim()}`);
}
