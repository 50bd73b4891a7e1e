import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SkeinProcess, type Target } from '../../process/skein-process.js';
import { commandOf, processTree } from '../../process/tree.js';
import { partyOf, percentOfOneCore, readTicks, type Party, type Sampled } from './cpu.js';

/** What is started, and how long it is watched. */
export interface IdleOptions {
  readonly target: Target;
  readonly seconds: number;
  readonly portBase: number;
  readonly eventLog?: 'kafka' | 'embedded';
}

/** What `npm run bench -- idle` prints: percent of one core. */
export interface IdleFigures {
  readonly bench: 'idle';
  readonly target: Target;
  readonly seconds: number;
  readonly node: string;
  /** Load of the machine meanwhile: CPU time costs more where others use the caches. */
  readonly load1: number;
  readonly processes: Record<Party, number>;
  readonly percentOfOneCore: Record<Party, number>;
  /** Our processes that used most, by what they were started with. */
  readonly busiest: readonly { readonly command: string; readonly percent: number }[];
  readonly goal: number;
  readonly met: boolean;
}

const GOAL_PERCENT = 5;
// What a start leaves to do (code that is compiled when it gets warm, first leases, catching up) is not rest.
const SETTLE_SECONDS = 15;

async function watch(root: number, seconds: number): Promise<Sampled[]> {
  const before = processTree(root).map(({ pid, name }) => ({ pid, party: partyOf(name, commandOf(pid)), ticksBefore: readTicks(pid) ?? 0 }));
  await wait(seconds * 1_000);
  const known = new Map(before.map((one) => [one.pid, one]));
  // A process that ended meanwhile takes its last part of the time along; one that began is counted from nothing.
  return processTree(root).map(({ pid, name }) => {
    const { party, ticksBefore } = known.get(pid) ?? { party: partyOf(name, commandOf(pid)), ticksBefore: 0 };
    return { pid, party, ticksBefore, ticksAfter: readTicks(pid) ?? ticksBefore };
  });
}

// The words that tell one of our processes from another: the script and what follows it, without the folders before it.
const shortened = (command: string): string => command.trim().split(' ').filter((word) => !word.startsWith('--')).slice(1, 4).map((word) => word.split('/').slice(-3).join('/')).join(' ');

function busiestOf(samples: readonly Sampled[], seconds: number): IdleFigures['busiest'] {
  return samples
    .filter(({ party }) => party === 'skein')
    .map((one) => ({ command: shortened(commandOf(one.pid)), percent: percentOfOneCore([one], seconds).skein }))
    .sort((a, b) => b.percent - a.percent)
    .slice(0, 8);
}

/** Starts Skein in an empty folder, lets it settle, and measures the CPU time that it uses while nobody asks for anything. */
export async function benchIdle({ target, seconds, portBase, eventLog }: IdleOptions): Promise<IdleFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-idle-'));
  const skein = new SkeinProcess({ target, data: join(folder, 'data'), portBase, seed: 'idle', sampleMemory: false, ...(eventLog === undefined ? {} : { eventLog }) });
  try {
    const readyMs = await skein.start();
    process.stderr.write(`ready after ${Math.round(readyMs)} ms, watched for ${seconds} s after ${SETTLE_SECONDS} s of rest\n`);
    await wait(SETTLE_SECONDS * 1_000);
    const samples = await watch(skein.pid, seconds);
    const percent = percentOfOneCore(samples, seconds);
    const processes: Record<Party, number> = { skein: 0, postgresql: 0, anvil: 0, broker: 0 };
    for (const { party } of samples) processes[party] += 1;
    const busiest = busiestOf(samples, seconds);
    // Whether it ends in time is another test's question.
    await skein.stop().catch((error: Error) => process.stderr.write(`${error.message}\n`));
    return {
      bench: 'idle', target, seconds, node: process.version, load1: Number((loadavg()[0] ?? 0).toFixed(2)), processes, percentOfOneCore: percent, busiest,
      goal: GOAL_PERCENT, met: percent.skein <= GOAL_PERCENT,
    };
  } finally {
    await skein.kill().catch(() => 0);
    rmSync(folder, { recursive: true, force: true });
  }
}
