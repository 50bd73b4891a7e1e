import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../demo/report.js';
import type { Target } from '../../process/skein-process.js';
import { ratioOf, spreadOf, type Spread } from '../stats.js';

/** How the story is played. */
export interface TracingBenchOptions {
  readonly rounds: number;
  readonly target: Target;
  readonly portBase: number;
  readonly eventLog?: 'kafka' | 'embedded';
}

/** What was measured of one way to play it: seconds, and MiB (PSS). */
interface Side {
  readonly storySeconds: Spread;
  readonly skeinCpuSeconds: Spread;
  readonly memoryMiBPeak: Spread;
}

/** What `npm run bench -- tracing` prints. Ratios are of runs one right after the other, with tracing to without. */
export interface TracingFigures {
  readonly bench: 'tracing';
  readonly target: Target;
  readonly node: string;
  readonly cores: number;
  /** Load of the machine at the end. */
  readonly load1: number;
  readonly rounds: number;
  readonly spans: Spread;
  readonly off: Side;
  readonly on: Side;
  readonly ratio: { readonly storySeconds: Spread; readonly skeinCpuSeconds: Spread; readonly memoryMiBPeak: Spread };
  /** CPU time of Skein for one span, made and sent, in microseconds. */
  readonly cpuPerSpanUs: Spread;
}

const MAIN = fileURLToPath(new URL('../../demo/main.js', import.meta.url));

/** Plays the story in a process of its own; the collector of its spans lives there, too, and is nobody's cost. */
async function play(options: TracingBenchOptions, traces: boolean, seed: number): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-tracing-'));
  const file = join(folder, 'report.json');
  const log = options.eventLog === undefined ? [] : ['--event-log', options.eventLog];
  const words = ['--seed', String(seed), '--target', options.target, '--port-base', String(options.portBase), '--report', file, ...log, ...(traces ? ['--traces'] : [])];
  try {
    const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`the demo ended with ${code}:\n${said}`);
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the story alone: compiling a process's code before it is ready is the same with and without. */
const cpuOf = ({ cpuSeconds, cpuSecondsReady }: Report): number => (cpuSeconds?.skein ?? Number.NaN) - (cpuSecondsReady?.skein ?? 0);
const secondsOf = ({ totalMs, readyMs }: Report): number => (totalMs - readyMs) / 1_000;
const memoryOf = ({ memoryMiBPeak }: Report): number => memoryMiBPeak;
const sideOf = (reports: readonly Report[]): Side => ({ storySeconds: spreadOf(reports.map(secondsOf)), skeinCpuSeconds: spreadOf(reports.map(cpuOf)), memoryMiBPeak: spreadOf(reports.map(memoryOf)) });

/** What tracing costs in the story: pairs of runs with the same seed, the order turned from pair to pair. */
export async function benchTracing(options: TracingBenchOptions): Promise<TracingFigures> {
  const [off, on]: [Report[], Report[]] = [[], []];
  for (let round = 0; round < options.rounds; round += 1)
    for (const traces of round % 2 === 0 ? [false, true] : [true, false]) {
      const report = await play(options, traces, round + 1);
      (traces ? on : off).push(report);
      process.stderr.write(`round ${round + 1}, ${traces ? 'with' : 'without'} tracing: ${secondsOf(report).toFixed(1)} s, ${cpuOf(report).toFixed(1)} s of CPU time, ${report.spans ?? 0} spans\n`);
    }
  const ratio = (of: (report: Report) => number): Spread => ratioOf(on.map(of), off.map(of));
  return {
    bench: 'tracing', target: options.target, node: process.version, cores: cpus().length, load1: Number((loadavg()[0] ?? 0).toFixed(2)), rounds: options.rounds,
    spans: spreadOf(on.map(({ spans = 0 }) => spans)),
    off: sideOf(off),
    on: sideOf(on),
    ratio: { storySeconds: ratio(secondsOf), skeinCpuSeconds: ratio(cpuOf), memoryMiBPeak: ratio(memoryOf) },
    cpuPerSpanUs: spreadOf(on.map((report, at) => ((cpuOf(report) - cpuOf(off[at]!)) / (report.spans ?? 1)) * 1e6)),
  };
}
