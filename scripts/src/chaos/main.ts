import { setTimeout as wait } from 'node:timers/promises';
import { FAILPOINTS } from '@skein/telemetry';
import { attempt } from './attempt.js';
import { faultRuns } from './fault-runs.js';
import { faults, sliceOf } from './faults.js';
import { killRuns, type Suite } from './kill-runs.js';
import { CHAOS_HELP, parseChaosOptions, type ChaosOptions } from './options.js';
import { closing, isGood, row, tableHead, type Line } from './report.js';
import { Stage } from './stage.js';

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

async function undisturbed(stage: Stage, { portBase }: ChaosOptions, progress: Suite['progress']): Promise<Suite['undisturbed']> {
  const first = await attempt(stage, portBase, {}, undefined);
  if (first.problems.length > 0) throw new Error(`the undisturbed run is not sound:\n${first.problems.join('\n')}\n${first.output.slice(-40).join('\n')}`);
  progress(`undisturbed: ${(first.playedMs / 1000).toFixed(1)} s of scenario, ${(first.tookMs / 1000).toFixed(1)} s with start and comparison`);
  return first;
}

async function suiteOf(stage: Stage, options: ChaosOptions, print: (line: Line) => void): Promise<Line[]> {
  const progress = (text: string): void => void process.stderr.write(`  ${text}\n`);
  const untilMs = performance.now() + options.minutes * 60_000;
  const suite: Suite = { late: () => performance.now() > untilMs, stage, portBase: options.portBase, undisturbed: await undisturbed(stage, options, progress), progress, verbose: options.verbose };
  const wanted = ({ name }: { readonly name: string }): boolean => options.only.length === 0 || options.only.some((prefix) => name.startsWith(prefix));
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.seed + index);
  const lines = await killRuns(suite, kills.filter((name) => wanted({ name })), seeds, options.together);
  lines.forEach(print);
  const chosen = options.ci ? sliceOf(faults, options.seed) : faults;
  for (const fault of chosen.filter(wanted)) {
    const line = await faultRuns(suite, fault, options.ci ? seeds.slice(0, 1) : seeds);
    print(line);
    lines.push(line);
  }
  return lines;
}

async function run(options: ChaosOptions): Promise<number> {
  const startedMs = performance.now();
  const write = (text: string): void => void (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  const stage = await Stage.open(options.portBase);
  opened = stage;
  try {
    write(tableHead());
    const lines = await suiteOf(stage, options, (line) => write(row(line)));
    if (options.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, seeds: options.seeds, seconds: Math.round((performance.now() - startedMs) / 1000), faults: lines }, null, 2)}\n`);
    for (const text of closing(lines)) write(text);
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
else if (asked === 'list') process.stdout.write(`${[...Object.entries(FAILPOINTS).map(([name, { before, after }]) => `${name.padEnd(28)} kill -9: ${before} | ${after}`), ...faults.map(({ name, what }) => `${name.padEnd(28)} ${what}`)].join('\n')}\n`);
else {
  const code = await Promise.race([run(asked), interrupted()]).catch((error: unknown) => {
    process.stderr.write(`skein: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    return 1;
  });
  // Interrupted: the clusters end with this process, its folder would stay.
  if (code === 130) await Promise.race([opened?.close(), wait(CLOSE_MS_MAX)]);
  process.exit(code);
}
