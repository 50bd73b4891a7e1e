import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@skein/platform';
import { eventually } from '@skein/testing';

/** Where a service's entry lies once everything is built. */
export const mainOf = (name: ServiceName): string => fileURLToPath(new URL(`../../../../services/${name}/dist/main.js`, import.meta.url));

/** Throws a sentence that says what to do where a service was not built. */
export function assertBuilt(names: readonly ServiceName[]): void {
  const missing = names.filter((name) => !existsSync(mainOf(name)));
  if (missing.length > 0) throw new Error(`these services are not built: ${missing.join(', ')}. Run "npm run build" first`);
}

/** A service as a process of its own, with nothing in its environment but what is given. */
export class ServiceProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<number | string>;
  output = '';

  constructor(name: ServiceName, role: string, environment: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [mainOf(name), role], { env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(signal ?? code ?? 'unknown')));
  }

  /** The HTTP port that it says it listens on. */
  httpPort(): Promise<number> {
    return eventually(
      () => {
        const line = this.output.split('\n').find((text) => text.includes('"started"'));
        if (line === undefined) throw new Error(`the service has not started: ${this.output.slice(-2000)}`);
        return (JSON.parse(line) as { http: number }).http;
      },
      { timeoutMs: 30_000, everyMs: 20 },
    );
  }

  /** kill -9 where it still runs. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }
}
