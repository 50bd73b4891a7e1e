import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from '@skein/testing';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Started {
  readonly http: number;
}

/** The service as a process of its own, which can be killed. */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private port = 0;
  kills = 0;

  constructor(private readonly environment: Readonly<Record<string, string>>) {}

  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN, 'all'], { env: { ...this.environment, HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    let out = '';
    child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (out += chunk.toString()));
    this.port = await eventually(
      () => {
        const line = out.split('\n').find((text) => text.includes('"started"'));
        if (line === undefined) throw new Error(`the service has not started: ${out.slice(-2000)}`);
        return (JSON.parse(line) as Started).http;
      },
      { timeoutMs: 30_000, everyMs: 20 },
    );
  }

  /** kill -9, then a new process on the same data. */
  async killAndStart(): Promise<void> {
    this.kills += 1;
    await this.kill();
    await this.start();
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }
}
