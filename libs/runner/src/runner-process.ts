import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { err, ok, reject, type Rejection, type Result } from '@skein/kernel';
import { makeRunnerFolder } from './folders.js';
import { encodeFrame, type Frame, FrameReader, FrameTooLarge } from './frames.js';
import { CHILD_FILE, findLauncher } from './isolation.js';
import type { RunnerLimits } from './types.js';

/** Bounds that fit small models: 512 MiB resident, 30 s, 64 MiB out. */
export const defaultRunnerLimits: RunnerLimits = { memoryMiBMax: 512, timeMsMax: 30_000, outputBytesMax: 64 * 1024 * 1024 };

const START_MS_MAX = 30_000;
const MEMORY_WATCH_MS = 50;

interface Waiting {
  readonly limits: RunnerLimits;
  readonly settle: (result: Result<Frame, Rejection>) => void;
}

const broken = (rule: string, message: string, retriable = false): Rejection => ({ code: retriable ? 'unavailable' : 'failed-precondition', rule, message, field: 'model', retriable });

const MESSAGES: Readonly<Record<string, string>> = {
  'runner-memory': 'the model used more memory than a runner may',
  'runner-time': 'the model ran longer than a runner may',
  'runner-output': 'the model gave more output than a runner may send',
  'model-load': 'the runtime cannot load the model',
  'model-run': 'the runtime cannot run the model on these inputs',
  'input-names': 'the inputs are not those of the model',
  'output-shape': 'the output has not one line per row',
  'output-type': 'the output has a type that is not supported',
  'tensor-type': 'an input has a type that is not supported',
};

/**
 * One child process for untrusted models: an empty private folder as home and working directory, no environment but
 * `ORT_DISABLE_TELEMETRY=1` and HOME, started behind whatever shields the system allows. It handles one request at a
 * time; a request that breaks a bound kills it. Never throws for what the child does.
 */
export class RunnerProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #reader = new FrameReader(() => this.#waiting?.limits.outputBytesMax ?? 0);
  #waiting: Waiting | undefined;
  #gone: Promise<void>;
  #dead = false;
  /** Version of the runtime, for example `onnxruntime-node 1.30.0`. */
  runtime = '';
  /** Keys of the models that the child has loaded, least recently used first. */
  readonly loaded: string[] = [];

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#gone = new Promise((resolve) => {
      const end = (): void => {
        this.#dead = true;
        this.#settle(err(broken('runner-died', 'the runner died', true)));
        void rm(folder, { recursive: true, force: true }).finally(resolve);
      };
      child.once('exit', end);
      child.once('error', end);
    });
    child.stdin!.on('error', () => this.#kill());
    child.stdout!.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Starts a child and waits for its first word; refuses with rule `runner-start` (retriable). */
  static async start(): Promise<Result<RunnerProcess, Rejection>> {
    const { prefix } = await findLauncher();
    const folder = await makeRunnerFolder();
    const [program, ...args] = [...prefix, process.execPath, CHILD_FILE];
    const child = spawn(program!, args, { cwd: folder, env: { ORT_DISABLE_TELEMETRY: '1', HOME: folder }, stdio: ['pipe', 'pipe', 'ignore'], detached: false });
    const runner = new RunnerProcess(child, folder);
    const hello = await runner.#wait({ memoryMiBMax: 1024, timeMsMax: START_MS_MAX, outputBytesMax: 1024 });
    if (!hello.ok || typeof hello.value.header['runtime'] !== 'string') {
      await runner.stop();
      return err(broken('runner-start', 'a runner process could not be started', true));
    }
    runner.runtime = hello.value.header['runtime'];
    return ok(runner);
  }

  /** The child's process id, for tests and measurements. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The private folder; removed when the child is gone. */
  get folder(): string {
    return this.#folder;
  }

  /** False once the child has died or was killed. */
  get alive(): boolean {
    return !this.#dead;
  }

  /** Sends one request and waits for its answer within the bounds; the child is dead afterwards if it broke one. */
  async request(frame: Frame, limits: RunnerLimits, signal?: AbortSignal): Promise<Result<Frame, Rejection>> {
    if (this.#dead || this.#waiting !== undefined) return err(broken('runner-died', 'the runner died', true));
    if (signal?.aborted) return reject('deadline-exceeded', 'aborted', 'the run was given up');
    const answer = this.#wait(limits, signal);
    this.#child.stdin!.write(encodeFrame({ header: { ...frame.header, outputBytesMax: limits.outputBytesMax }, body: frame.body }));
    const result = await answer;
    if (!result.ok || result.value.header['ok'] === true) return result;
    const rule = String(result.value.header['rule']);
    return err(broken(Object.hasOwn(MESSAGES, rule) ? rule : 'model-run', MESSAGES[rule] ?? MESSAGES['model-run']!));
  }

  /** Kills the child and waits until it and its folder are gone. */
  async stop(): Promise<void> {
    this.#kill();
    await this.#gone;
  }

  #kill(): void {
    this.#dead = true;
    this.#child.kill('SIGKILL');
  }

  #settle(result: Result<Frame, Rejection>): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.settle(result);
  }

  #fail(rule: string, message = MESSAGES[rule]!): void {
    this.#settle(err(broken(rule, message)));
    this.#kill();
  }

  #receive(chunk: Buffer): void {
    if (this.#dead) return;
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (this.#waiting === undefined) this.#kill();
        else this.#settle(ok(frame));
      }
    } catch (error) {
      // A frame out of bounds or unreadable JSON: the child is no longer to be believed.
      this.#fail(error instanceof FrameTooLarge ? 'runner-output' : 'model-run');
    }
  }

  #wait(limits: RunnerLimits, signal?: AbortSignal): Promise<Result<Frame, Rejection>> {
    return new Promise((resolve) => {
      const timeLimit = setTimeout(() => this.#fail('runner-time'), limits.timeMsMax);
      const memoryWatch = setInterval(() => void this.#watchMemory(limits), MEMORY_WATCH_MS);
      const abort = (): void => {
        this.#settle(reject('deadline-exceeded', 'aborted', 'the run was given up'));
        this.#kill();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting = {
        limits,
        settle: (result) => {
          clearTimeout(timeLimit);
          clearInterval(memoryWatch);
          signal?.removeEventListener('abort', abort);
          resolve(result);
        },
      };
      if (this.#dead) this.#settle(err(broken('runner-died', 'the runner died', true)));
    });
  }

  async #watchMemory(limits: RunnerLimits): Promise<void> {
    const kib = await residentKib(this.pid);
    if (kib !== undefined && kib > limits.memoryMiBMax * 1024 && this.#waiting?.limits === limits) this.#fail('runner-memory');
  }
}

/** Resident memory of a process in KiB; undefined where it cannot be read. */
export async function residentKib(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match === null ? undefined : Number(match[1]);
}
