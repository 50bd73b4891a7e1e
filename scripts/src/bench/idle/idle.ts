import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { KAFKA_VERSION } from '@skein/embedded';
import { SkeinProcess, type Target } from '../../process/skein-process.js';
import { commandOf, processTree } from '../../process/tree.js';
import { spreadOf, type Spread } from '../stats.js';
import { installedVersion, MESSAGING, programVersion } from '../versions.js';
import { partyOf, percentOfOneCore, readTicks, type Party, type Sampled } from './cpu.js';

/** What is started, and how long it is watched. */
export interface IdleOptions {
  readonly target: Target;
  /** Of all rounds together. */
  readonly seconds: number;
  readonly rounds: number;
  readonly portBase: number;
  readonly eventLog?: 'kafka' | 'embedded';
}

/** What `npm run bench -- idle` prints: percent of one core. */
export interface IdleFigures {
  readonly bench: 'idle';
  readonly target: Target;
  readonly seconds: number;
  readonly rounds: number;
  /** Of what runs: asked of the programs themselves, those of packages as installed. */
  readonly versions: Readonly<Record<string, string>>;
  /** Load of the machine meanwhile: CPU time costs more where others use the caches. */
  readonly load1: number;
  readonly processes: Record<Party, number>;
  /** Over the whole time. */
  readonly percentOfOneCore: Record<Party, number>;
  /** Of the rounds. */
  readonly percentByRound: Readonly<Record<Party, Spread>>;
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

/** One look after the other at the same processes. */
async function watchRounds(root: number, seconds: number, rounds: number): Promise<Sampled[][]> {
  const all: Sampled[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const samples = await watch(root, seconds / rounds);
    all.push(samples);
    process.stderr.write(`round ${round + 1}/${rounds}: ${JSON.stringify(percentOfOneCore(samples, seconds / rounds))}\n`);
  }
  return all;
}

/** Every process from its first round to its last. */
export function wholeOf(rounds: readonly (readonly Sampled[])[]): Sampled[] {
  const whole = new Map<number, Sampled>();
  for (const one of rounds.flat()) whole.set(one.pid, { ...one, ticksBefore: whole.get(one.pid)?.ticksBefore ?? one.ticksBefore });
  return [...whole.values()];
}

function versionsOf(samples: readonly Sampled[]): Record<string, string> {
  const first = (party: Party): number => samples.find((one) => one.party === party)?.pid ?? 0;
  const found: Record<string, string | undefined> = {
    node: process.version, postgres: programVersion(first('postgresql')), anvil: programVersion(first('anvil')),
    ...(first('broker') === 0 ? {} : { kafka: KAFKA_VERSION, kafkajs: installedVersion('kafkajs', MESSAGING) }), pg: installedVersion('pg'),
  };
  return Object.fromEntries(Object.entries(found).map(([name, version]) => [name, version ?? 'unknown']));
}

function figuresOf({ target, seconds, rounds }: IdleOptions, watched: readonly (readonly Sampled[])[]): IdleFigures {
  const samples = wholeOf(watched);
  const percent = percentOfOneCore(samples, seconds);
  const each = watched.map((one) => percentOfOneCore(one, seconds / rounds));
  const of = <T>(value: (party: Party) => T): Record<Party, T> => ({ skein: value('skein'), postgresql: value('postgresql'), anvil: value('anvil'), broker: value('broker') });
  return {
    bench: 'idle', target, seconds, rounds, versions: versionsOf(samples), load1: Number((loadavg()[0] ?? 0).toFixed(2)),
    processes: of((party) => samples.filter((one) => one.party === party).length), percentOfOneCore: percent, percentByRound: of((party) => spreadOf(each.map((one) => one[party]))),
    busiest: busiestOf(samples, seconds), goal: GOAL_PERCENT, met: percent.skein <= GOAL_PERCENT,
  };
}

/** Starts Skein in an empty folder, lets it settle, and measures the CPU time that it uses while nobody asks for anything. */
export async function benchIdle(options: IdleOptions): Promise<IdleFigures> {
  const { target, seconds, rounds, portBase, eventLog } = options;
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a number from 1 on');
  const folder = mkdtempSync(join(tmpdir(), 'skein-idle-'));
  const skein = new SkeinProcess({ target, data: join(folder, 'data'), portBase, seed: 'idle', sampleMemory: false, ...(eventLog === undefined ? {} : { eventLog }) });
  try {
    const readyMs = await skein.start();
    process.stderr.write(`ready after ${Math.round(readyMs)} ms, watched for ${rounds} times ${seconds / rounds} s after ${SETTLE_SECONDS} s of rest\n`);
    await wait(SETTLE_SECONDS * 1_000);
    const figures = figuresOf(options, await watchRounds(skein.pid, seconds, rounds));
    // Whether it ends in time is another test's question.
    await skein.stop().catch((error: Error) => process.stderr.write(`${error.message}\n`));
    return figures;
  } finally {
    await skein.kill().catch(() => 0);
    rmSync(folder, { recursive: true, force: true });
  }
}
