import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile, readlink, writeFile } from 'node:fs/promises';
import { join, resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertPortFree, freePort } from './free-port.js';
import { jvmArguments, prepareKafka, READY } from './kafka-files.js';
import { kafkaJars } from './kafka-jars.js';
import { watchParent } from './postgres-watchdog.js';

/** Where and how the embedded Kafka broker runs. */
export interface StartKafkaOptions {
  /** Folder of its own, made where missing; may hold spaces. */
  readonly dataDir: string;
  /** Fixed port of the loopback for clients, or a free one. Taken: `PortTakenError`. */
  readonly port?: number;
  /** The same for the broker's own controller. */
  readonly controllerPort?: number;
  /** Port of the loopback that clients are told to connect to, where somebody stands before the broker; default: its own. */
  readonly advertisedPort?: number;
  /** Where the jars are kept; default `~/.cache/skein`. */
  readonly cacheDir?: string;
  /** Most heap of the JVM; default 512. */
  readonly heapMib?: number;
}

/** A running broker (KRaft, one node, no topics made by themselves). It ends with this process, however that ends. */
export interface EmbeddedKafka {
  /** Bootstrap address, `127.0.0.1:<port>`; stays the same over restarts. */
  readonly brokers: string;
  readonly port: number;
  /** The broker's process at the moment. */
  readonly pid: number;
  /** Settles when the process of the moment has ended, asked or not. */
  readonly exited: Promise<void>;
  /** Ends it in order or, where that takes longer than 3 s, at once: the operating system has all that was acknowledged. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again on the same data and ports, after `stop`, after `kill`, or (stopping it first) while it runs. */
  restart(): Promise<void>;
}

interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<void>;
}

const READY_WITHIN_MS = 90_000;
const STOP_MS_MAX = 15_000;
/** On a busy machine the broker's own way takes longer than a whole installation may take to stop; the next start recovers what was open. */
const IN_ORDER_MS_MAX = 3_000;
const HEAP_MIB = 512;

/**
 * Starts a broker on `dataDir`, formatting it first where that is new, and recovers it after a crash. Resolves when it
 * serves. Throws a sentence that says what is missing (Java, Maven), `PortTakenError`, or the end of the broker's log.
 */
export async function startKafka(options: StartKafkaOptions): Promise<EmbeddedKafka> {
  const jars = await kafkaJars(options.cacheDir);
  if (options.port) await assertPortFree(options.port, 'Kafka');
  if (options.controllerPort) await assertPortFree(options.controllerPort, "Kafka's controller");
  const dataDir = resolvePath(options.dataDir);
  const ports = { port: options.port ?? (await freePort()), controllerPort: options.controllerPort ?? (await freePort()), ...(options.advertisedPort === undefined ? {} : { advertisedPort: options.advertisedPort }) };
  await prepareKafka(dataDir, jars, ports);
  const start = (): Promise<Launched> => launchReady(dataDir, jars, options.heapMib ?? HEAP_MIB);
  let launched = await start();
  const stop = async (): Promise<void> => {
    signal(launched, 'SIGTERM');
    // A paused broker cannot end before it goes on.
    signal(launched, 'SIGCONT');
    const late = setTimeout(() => signal(launched, 'SIGKILL'), IN_ORDER_MS_MAX);
    await ended(launched);
    clearTimeout(late);
  };
  return {
    brokers: `127.0.0.1:${ports.port}`,
    port: ports.port,
    get pid() { return launched.pid; },
    get exited() { return launched.exited; },
    stop,
    kill: async () => {
      signal(launched, 'SIGKILL');
      await ended(launched);
    },
    pause: () => signal(launched, 'SIGSTOP'),
    resume: () => signal(launched, 'SIGCONT'),
    restart: async () => {
      await stop();
      launched = await start();
    },
  };
}

function signal({ child }: Launched, name: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(name);
}

/** Waits for the end; the process must not run out of things to do meanwhile. */
async function ended({ child, exited }: Launched): Promise<void> {
  child.ref();
  await exited;
}

/** After a kill of our predecessor its broker may still be shutting down; two on one folder would harm each other. */
async function previousGone(dataDir: string): Promise<void> {
  const pid = await readFile(join(dataDir, 'kafka.pid'), 'utf8').then(Number, () => 0);
  for (let waitedMs = 0; pid > 0 && (await isBrokerOf(pid, dataDir)); waitedMs += 50) {
    if (waitedMs >= STOP_MS_MAX) throw new Error(`the data folder ${dataDir} is in use by process ${pid}`);
    await sleep(50);
  }
}

/** The number may belong to somebody else by now. */
async function isBrokerOf(pid: number, dataDir: string): Promise<boolean> {
  const [folder, command] = await Promise.all([readlink(`/proc/${pid}/cwd`).catch(() => ''), readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')]);
  return folder === dataDir && command.includes('kafka.Kafka');
}

async function launch(dataDir: string, jars: string, heapMib: number): Promise<Launched> {
  const log = await open(join(dataDir, 'kafka.log'), 'w', 0o600);
  try {
    // A session of its own: Ctrl-C in the terminal must not end the broker before those who still write to it.
    const child = spawn('java', [...jvmArguments(jars, heapMib), 'kafka.Kafka', 'server.properties'], { cwd: dataDir, detached: true, stdio: ['ignore', log.fd, log.fd] });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
    if (child.pid === undefined) throw new Error('cannot start java');
    child.unref();
    const watchdog = watchParent(child.pid, 'TERM');
    void exited.then(() => watchdog.dismiss());
    await writeFile(join(dataDir, 'kafka.pid'), String(child.pid));
    return { child, pid: child.pid, exited };
  } finally {
    await log.close();
  }
}

async function launchReady(dataDir: string, jars: string, heapMib: number): Promise<Launched> {
  await previousGone(dataDir);
  const launched = await launch(dataDir, jars, heapMib);
  let ended = false;
  void launched.exited.then(() => (ended = true));
  const logText = (): Promise<string> => readFile(join(dataDir, 'kafka.log'), 'utf8').catch(() => '');
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!ended && performance.now() < deadline) {
    if ((await logText()).includes(READY)) return launched;
    await sleep(25);
  }
  signal(launched, 'SIGKILL');
  throw new Error(`Kafka did not start:\n${(await logText()).trim().split('\n').slice(-12).join('\n')}`);
}
