import { setTimeout as wait } from 'node:timers/promises';
import { FAILPOINTS } from '@skein/telemetry';
import { attempt, type Attempt, type Ground } from './attempt.js';
import type { Fault } from './fault.js';
import { faultRuns } from './fault-runs.js';
import { faults, sliceOf } from './faults.js';
import { killRuns, type Suite } from './kill-runs.js';
import { steadyHits, steadyTable } from './kills.js';
import { CHAOS_HELP, parseChaosOptions, type ChaosOptions } from './options.js';
import { closing, isGood, row, tableHead, type Line } from './report.js';
import { shortPlay } from './short-play.js';
import { Stage, type StageOptions } from './stage.js';
import { storyFaults } from './story-faults.js';
import { STORY_SECRETS, storyPlay } from './story-play.js';
import { kafkaOnly } from './strikes.js';

const kills = Object.keys(FAILPOINTS);
const CLOSE_MS_MAX = 8_000;
let opened: Stage | undefined;

/** Whoever started this is gone, or asked it to end. */
function interrupted(): Promise<number> {
  const parent = process.ppid;
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(130));
    setInterval(() => process.ppid !== parent && resolve(130), 500).unref();
  });
}

/** What several undisturbed runs do not share is no property of what is played. */
async function undisturbed(ground: Ground, turns: number, progress: Suite['progress']): Promise<Pick<Suite, 'attempt' | 'steady'>> {
  const runs: Attempt[] = [];
  for (let turn = 1; turn <= turns; turn += 1) {
    const run = await attempt(ground, {}, runs[0]?.facts);
    if (run.problems.length > 0) throw new Error(`undisturbed run ${turn} is not sound:\n${run.problems.join('\n')}\n${run.output.slice(-40).join('\n')}`);
    progress(`undisturbed: ${(run.playedMs / 1000).toFixed(1)} s of play, ${(run.tookMs / 1000).toFixed(1)} s with start and comparison`);
    runs.push(run);
  }
  const { facts } = runs[0] as Attempt;
  return { attempt: (disturbance, stage = ground.stage) => attempt({ ...ground, stage }, disturbance, facts), steady: steadyHits(runs.map(({ hits }) => hits)) };
}

/** What is killed at, and what else is done, in the order of the report. */
function chosenOf({ ci, seed, story, only }: ChaosOptions): { names: readonly string[]; others: readonly Fault[] } {
  const wanted = ({ name }: { readonly name: string }): boolean => only.length === 0 || only.some((prefix) => name.startsWith(prefix));
  if (story) return { names: [], others: storyFaults.filter((fault) => wanted(fault) && (only.length > 0 || fault.knownDefect === undefined)) };
  return { names: kills.filter((name) => wanted({ name })), others: (ci ? sliceOf(faults, seed) : faults).filter(wanted) };
}

async function suiteOf(stage: Stage, options: ChaosOptions, print: (line: Line) => void): Promise<Line[]> {
  const progress = (text: string): void => void process.stderr.write(`  ${text}\n`);
  const ground: Ground = { stage, play: options.story ? storyPlay : shortPlay, portBase: options.portBase };
  const untilMs = performance.now() + options.minutes * 60_000;
  const suite: Suite = { late: () => performance.now() > untilMs, ground, ...(await undisturbed(ground, options.story ? 1 : 2, progress)), progress, verbose: options.verbose };
  const { names, others } = chosenOf(options);
  if (options.verbose) steadyTable(suite.steady, names).forEach(progress);
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.seed + index);
  const lines = await killRuns(suite, names, seeds, options.together);
  lines.forEach(print);
  for (const fault of others) {
    const line = await faultRuns(suite, fault, options.ci ? seeds.slice(0, 1) : seeds);
    print(line);
    lines.push(line);
  }
  return lines;
}

/** The story is played as an operator runs it. */
const stageOf = async ({ apart, story }: ChaosOptions): Promise<StageOptions> =>
  story ? { apart: true, empty: STORY_SECRETS, eventLog: (await kafkaOnly()) === undefined ? 'kafka' : 'embedded' } : { apart };

async function run(options: ChaosOptions): Promise<number> {
  const startedMs = performance.now();
  const write = (text: string): void => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  const stage = await Stage.open(options.portBase, await stageOf(options));
  opened = stage;
  try {
    write(tableHead());
    const lines = await suiteOf(stage, options, (line) => write(row(line)));
    if (options.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, seeds: options.seeds, seconds: Math.round((performance.now() - startedMs) / 1000), faults: lines }, null, 2)}\n`);
    for (const text of closing(lines, `${options.story ? '--story ' : ''}${options.apart ? '--apart ' : ''}`)) write(text);
    return lines.length > 0 && lines.every(isGood) ? 0 : 1;
  } finally {
    await stage.close();
  }
}

function options(): ReturnType<typeof parseChaosOptions> {
  try {
    return parseChaosOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`skein: ${(error as Error).message}\nSee npm run chaos -- --help\n`);
    process.exit(2);
  }
}

const asked = options();
if (asked === 'help') process.stdout.write(CHAOS_HELP);
else if (asked === 'list') process.stdout.write(`${[...Object.entries(FAILPOINTS).map(([name, { before, after }]) => `${name.padEnd(28)} kill -9: ${before} | ${after}`), ...[...faults, ...storyFaults].map(({ name, what }) => `${name.padEnd(28)} ${what}`)].join('\n')}\n`);
else {
  const code = await Promise.race([run(asked), interrupted()]).catch((error: unknown) => {
    process.stderr.write(`skein: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    return 1;
  });
  // Interrupted: the clusters end with this process, its folder would stay.
  if (code === 130) await Promise.race([opened?.close(), wait(CLOSE_MS_MAX)]);
  process.exit(code);
}
