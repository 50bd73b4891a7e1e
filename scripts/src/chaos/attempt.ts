import type { Cluster, ProcessId } from '@skein/cluster';
import { groupsOf } from './consumer-groups.js';
import type { Facts } from './final-state.js';
import type { Performance, Play } from './play.js';
import type { Run, RunOptions, Stage } from './stage.js';
import { broken, differences, settle } from './stored-state.js';

/** What may happen to a run beside what its processes do to themselves. */
export interface Disturbance extends RunOptions {
  /** Called at each moment of the play; awaited before the end is judged. */
  readonly during?: (run: Run, moment: string) => Promise<void> | void;
  /** Called before the end is judged: puts back together what is still broken. */
  readonly after?: (run: Run) => Promise<void> | void;
  /** Called when the run has ended. */
  readonly end?: () => Promise<void>;
}

/** What is played where. */
export interface Ground {
  readonly stage: Stage;
  readonly play: Play;
  readonly portBase: number;
}

/** How a run ended. */
export interface Attempt {
  /** Empty: the final state is sound and the expected one. */
  readonly problems: readonly string[];
  readonly facts: Facts;
  /** By process (`arena/all/0`): how often each failpoint was hit. */
  readonly hits: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `arena/all at append.committed`: what killed itself where. */
  readonly killed: readonly string[];
  /** Milliseconds of the play, and of everything. */
  readonly playedMs: number;
  readonly tookMs: number;
  readonly output: readonly string[];
}

const nameOf = ({ service, role, index }: ProcessId): string => `${service}/${role}/${index}`;

async function judge(cluster: Cluster, performed: Performance, facts: Facts, expected: Facts | undefined): Promise<string[]> {
  return [...(await broken(cluster)), ...((await performed.broken?.()) ?? []), ...(expected === undefined ? [] : differences(expected, facts))];
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Plays and judges on a cluster that runs; adds to `problems`. */
async function played(run: Run, play: Play, disturbance: Disturbance, expected: Facts | undefined, problems: string[]): Promise<{ facts: Facts; playedMs: number }> {
  const groups = await groupsOf(run.devnet, run.cluster.services);
  const performed = await play.begin(run);
  const disturbances: Promise<void>[] = [];
  const disturb = async (moment: string): Promise<void> => {
    try {
      await disturbance.during?.(run, moment);
    } catch (error) {
      problems.push(`the fault itself failed: ${textOf(error)}`);
    }
  };
  try {
    const startedMs = performance.now();
    await performed.play((moment) => void disturbances.push(disturb(moment)));
    const playedMs = performance.now() - startedMs;
    await Promise.all(disturbances);
    await disturbance.after?.(run);
    problems.push(...(await settle(run.cluster, groups)).map((what) => `stuck: ${what}`));
    const facts = await performed.facts();
    problems.push(...(await judge(run.cluster, performed, facts, expected)));
    return { facts, playedMs };
  } catch (error) {
    // What was left to do says more than what a client waited for.
    problems.push(...(await settle(run.cluster, groups, 0)).map((what) => `left: ${what}`));
    throw error;
  } finally {
    await Promise.all(disturbances);
    await disturbance.after?.(run);
    await performed.close();
  }
}

/** Plays once, disturbed, waits until nothing is left to do, and compares with what is expected. */
export async function attempt({ stage, play, portBase }: Ground, disturbance: Disturbance, expected: Facts | undefined): Promise<Attempt> {
  const startedMs = performance.now();
  const problems: string[] = [];
  let outcome: Pick<Attempt, 'facts' | 'playedMs' | 'hits' | 'killed' | 'output'> = { facts: {}, playedMs: 0, hits: new Map(), killed: [], output: [] };
  try {
    const run = await stage.begin(portBase, disturbance);
    try {
      outcome = { ...outcome, ...(await played(run, play, disturbance, expected, problems)) };
    } finally {
      const read = run.cluster.processes.map(({ id }) => [id, run.hits(id)] as const);
      const hits = new Map(read.map(([id, { counts }]) => [nameOf(id), counts]));
      const killed = read.flatMap(([{ service, role }, { killedAt }]) => (killedAt === undefined ? [] : [`${service}/${role} at ${killedAt}`]));
      await run.end();
      outcome = { ...outcome, hits, killed, output: run.output() };
    }
  } catch (error) {
    problems.push(`the play failed: ${textOf(error)}`);
  }
  await disturbance.end?.();
  return { ...outcome, problems, tookMs: performance.now() - startedMs };
}
