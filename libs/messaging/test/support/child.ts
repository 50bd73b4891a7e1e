import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const loader = new URL('./source-loader.mjs', import.meta.url).href;

/** A child process of a test that writes one JSON object per line. */
export class TestChild {
  readonly lines: Record<string, unknown>[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(script: URL, args: readonly string[]) {
    const flags = ['--no-warnings', '--conditions=source', '--import', loader];
    this.#process = spawn(process.execPath, [...flags, fileURLToPath(script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#process.once('exit', () => resolve()));
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.lines.push(JSON.parse(line) as Record<string, unknown>));
  }

  get exited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  ended(): Promise<void> {
    return this.#exited;
  }
}
