import { setTimeout as wait } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { faultRuns } from './fault-runs.js';
import { faults, sliceOf } from './faults.js';
import { killRuns } from './kill-runs.js';
import { steadyTable } from './kills.js';
import { CHAOS_HELP, parseChaosOptions, type ChaosOptions } from './options.js';
import { closing, isGood, newLine, row, tableHead, type Line } from './report.js';
import { Stage, type StageOptions } from './stage.js';
import { ACTS, describeStep, metByKafka, type Act, type Step } from './steps.js';
import { storyFaults } from './story-faults.js';
import { STORY_SECRETS } from './story-play.js';
import { kafkaOnly } from './strikes.js';
import { Suites } from './suites.js';

const CLOSE_MS_MAX = 8_000;
/** In CI nothing is struck a second time after its minutes; what was never struck still is, for so much longer. */
const FIRSTS = 1.5;
let opened: Stage | undefined;

/** Whoever started this is gone, or asked it to end. */
function interrupted(): Promise<number> {
  const parent = process.ppid;
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve(130));
    setInterval(() => process.ppid !== parent && resolve(130), 500).unref();
  });
}

type Wanted = (line: { readonly name: string }) => boolean;

/** What is killed at, and what else is done, in the order of the report. */
function chosenOf({ ci, seed, story, steps, only }: ChaosOptions): { acts: readonly Act[]; others: readonly Fault[] } {
  const wanted: Wanted = ({ name }) => only.length === 0 || only.some((prefix) => name.startsWith(prefix));
  if (story) return { acts: [], others: storyFaults.filter((fault) => wanted(fault) && (only.length > 0 || fault.knownDefect === undefined)) };
  const acts = ACTS.map((act) => ({ ...act, steps: act.steps.filter(wanted) })).filter((act) => act.steps.length > 0);
  return { acts, others: steps ? [] : (ci ? sliceOf(faults, seed) : faults).filter(wanted) };
}

async function linesOf(suites: Suites, options: ChaosOptions, print: (line: Line) => void): Promise<Line[]> {
  const lines: Line[] = [];
  const done = (more: readonly Line[]): void => {
    more.forEach(print);
    lines.push(...more);
  };
  const { acts, others } = chosenOf(options);
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.seed + index);
  // CI's time is short: what is struck with either log is struck once with each of them.
  const halves = options.ci && seeds.length > 1 && (await kafkaOnly()) === undefined;
  const seedsIn = ({ log }: Act) => ({ failpoint }: Step): readonly number[] => (!halves ? seeds : log === 'kafka' ? seeds.slice(1) : metByKafka(failpoint) ? seeds.slice(0, 1) : seeds);
  for (const act of acts) {
    const why = act.log === 'kafka' ? await kafkaOnly() : undefined;
    if (why !== undefined) {
      done(act.steps.map((step) => ({ ...newLine(step.name, describeStep(step)), skipped: why })));
      continue;
    }
    const suite = await suites.of(act.plays, act.log);
    if (options.verbose) steadyTable(suite.steady, act.steps.map(({ failpoint }) => failpoint)).forEach(suite.progress);
    done(await killRuns(suite, act.steps, seedsIn(act), options.together));
  }
  for (const fault of others) done([await faultRuns(await suites.of(options.story ? 'story' : 'scenario', 'embedded'), fault, options.ci ? seeds.slice(0, 1) : seeds)]);
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
    const minutes = (): string => `${Math.floor((performance.now() - startedMs) / 60_000)} min`.padStart(7);
    const late = (again = false): boolean => performance.now() - startedMs > options.minutes * 60_000 * (options.ci && !again ? FIRSTS : 1);
    const suites = new Suites({ stage, portBase: options.portBase, progress: (text) => void process.stderr.write(`${minutes()}  ${text}\n`), verbose: options.verbose, late });
    const lines = await linesOf(suites, options, (line) => write(row(line)));
    if (options.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, seeds: options.seeds, seconds: Math.round((performance.now() - startedMs) / 1000), undisturbed: suites.undisturbed, faults: lines }, null, 2)}\n`);
    for (const text of closing(lines, `${options.story ? '--story ' : ''}${options.apart ? '--apart ' : ''}`, suites.undisturbed)) write(text);
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
else if (asked === 'list') process.stdout.write(`${[...ACTS.flatMap(({ steps }) => steps).map((step) => `${step.name.padEnd(28)} kill -9: ${describeStep(step)}`), ...[...faults, ...storyFaults].map(({ name, what }) => `${name.padEnd(28)} ${what}`)].join('\n')}\n`);
else {
  const code = await Promise.race([run(asked), interrupted()]).catch((error: unknown) => {
    process.stderr.write(`skein: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    return 1;
  });
  // Interrupted: the clusters end with this process, its folder would stay.
  if (code === 130) await Promise.race([opened?.close(), wait(CLOSE_MS_MAX)]);
  process.exit(code);
}
