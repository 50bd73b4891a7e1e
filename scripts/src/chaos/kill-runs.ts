import { describeStep, type Step } from './steps.js';
import type { Attempt, Disturbance, Ground } from './attempt.js';
import { armedWith, drawKill, sooner, type Kill } from './kills.js';
import { newLine, type Line } from './report.js';
import type { Stage } from './stage.js';

/** What all runs share. */
export interface Suite {
  readonly ground: Ground;
  /** Plays once, disturbed, and compares with the undisturbed runs. */
  readonly attempt: (disturbance: Disturbance, stage?: Stage) => Promise<Attempt>;
  /** What is hit in each undisturbed run (see `steadyHits`). */
  readonly steady: Attempt['hits'];
  /** Told after each run. */
  readonly progress: (text: string) => void;
  readonly verbose: boolean;
  /** True once no further run may begin; of what has been struck already (`again`) that may be sooner. */
  readonly late: (again?: boolean) => boolean;
}

/** Lines of the processes' output that a verbose run shows of a failure. */
export const OUTPUT_SHOWN = 80;
const PROBLEMS_SHOWN = 6;

/** How a run ended, with the first of what is wrong. */
export const outcomeOf = (story: string, { problems, tookMs }: Attempt): string =>
  [`${story}: ${problems.length === 0 ? 'equal' : 'FAILED'} in ${(tookMs / 1000).toFixed(1)} s`, ...problems.slice(0, PROBLEMS_SHOWN).map((problem) => `    ${problem}`)].join('\n');

interface Task {
  readonly line: Line;
  readonly seed: number;
  readonly kill: Kill;
}

const storyOf = ({ process, failpoint, at }: Kill): string => `${process} at hit ${at} of ${failpoint}`;

/** Tasks whose kills hit different processes, up to `together` of them in one run. */
export function grouped<T extends { readonly kill: Kill }>(tasks: readonly T[], together: number): T[][] {
  const groups: T[][] = [];
  for (const task of tasks) {
    const fitting = groups.find((group) => group.length < together && group.every(({ kill }) => kill.process !== task.kill.process));
    if (fitting === undefined) groups.push([task]);
    else fitting.push(task);
  }
  return groups;
}

/** kill -9 at each step, once with each of its seeds; every step's first seed comes before any second one. */
export async function killRuns(suite: Suite, steps: readonly Step[], seedsOf: (step: Step) => readonly number[], together: number): Promise<Line[]> {
  const lines = steps.map((step) => ({ line: newLine(step.name, describeStep(step)), step, seeds: seedsOf(step) }));
  const tasksOf = (nth: number): Task[] => lines.flatMap(({ line, step, seeds }): Task[] => {
    const seed = seeds[nth];
    const kill = seed === undefined ? undefined : drawKill(step.failpoint, seed, suite.steady);
    return seed === undefined || kill === undefined ? [] : [{ line, seed, kill }];
  });
  const tasks = Array.from({ length: Math.max(0, ...lines.map(({ seeds }) => seeds.length)) }, (_, nth) => tasksOf(nth)).flat();
  const groups = grouped(tasks, together);
  for (const [index, group] of groups.entries()) {
    if (suite.late()) for (const { line, seed, kill } of group) notRun(line, seed, storyOf(kill));
    else await runSome(suite, suite.late(true) ? group.filter(({ line }) => line.hits === 0) : group, `${index + 1} of ${groups.length}`);
  }
  return lines.map(({ line }) => line);
}

/** Nobody may take for passed what was left out. */
export function notRun(line: Line, seed: number, story: string): void {
  line.failed += 1;
  line.failures.push({ seed, story, problems: ['not run: the time was over'] });
}

async function runSome(suite: Suite, group: readonly Task[], which: string): Promise<void> {
  if (group.length === 0) suite.progress(`${which}: left out, each was struck already and the time is over`);
  else await runGroup(suite, group, which);
}

async function runGroup(suite: Suite, group: readonly Task[], which: string): Promise<void> {
  const result = await suite.attempt({ arming: armedWith(group.map(({ kill }) => kill)) });
  suite.progress(outcomeOf(`${which}: ${group.map(({ kill }) => storyOf(kill)).join(' and ')}`, result));
  if (result.problems.length > 0 && group.length > 1) {
    suite.progress('  each of them again on its own');
    const before = group.map(({ line }) => line.failed);
    for (const task of group) await runGroup(suite, [task], which);
    // Good apart, bad together: nobody's fault alone, and still a fault.
    if (group.every(({ line }, index) => line.failed === before[index])) record(group[0] as Task, result, group.map(({ kill }) => storyOf(kill)).join(' and '));
    return;
  }
  if (result.problems.length > 0 && suite.verbose) suite.progress(result.output.slice(-OUTPUT_SHOWN).join('\n'));
  for (const task of group) {
    const earlier = sooner(task.kill);
    // A run has its own pace, and larger batches mean fewer hits: what has not come about has proved nothing and is aimed nearer.
    if (came(task, result) || result.problems.length > 0) record(task, result, storyOf(task.kill), group.length);
    else if (earlier === undefined || suite.late()) record(task, { ...result, problems: ['the failpoint was not reached'] }, storyOf(task.kill), group.length);
    else await runGroup(suite, [{ ...task, kill: earlier }], which);
  }
}

const came = ({ kill }: Task, { killed }: Attempt): boolean => killed.includes(`${kill.process} at ${kill.failpoint}`);

function record(task: Task, result: Attempt, story: string, shared = 1): void {
  const { line, seed } = task;
  line.runs += 1;
  line.hits += came(task, result) ? 1 : 0;
  line.ms += result.tookMs / shared;
  if (result.problems.length === 0) line.passed += 1;
  else {
    line.failed += 1;
    line.failures.push({ seed, story, problems: result.problems });
  }
}
