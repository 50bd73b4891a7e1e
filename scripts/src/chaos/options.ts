import { parseArgs } from 'node:util';

/** What `npm run chaos` was asked to do. */
export interface ChaosOptions {
  /** Runs of each fault. */
  readonly seeds: number;
  /** The first seed. */
  readonly seed: number;
  /** Only faults whose name begins so. */
  readonly only: readonly string[];
  readonly portBase: number;
  readonly json: boolean;
  readonly ci: boolean;
  /** Kills of different processes in one run; a run that fails is taken apart. */
  readonly together: number;
  readonly verbose: boolean;
  /** API and workers of each service as processes of their own, two instances of arena and billing. */
  readonly apart: boolean;
  /** The demo's whole story on a cluster instead of the short scenario, once for each kind of fault. */
  readonly story: boolean;
  /** Only kills at steps, no other fault. */
  readonly steps: boolean;
  /** After so long no run is begun any more; what was not run has failed. */
  readonly minutes: number;
}

export const CHAOS_HELP = `npm run chaos -- [options]

Breaks Skein on purpose while a short scenario is played on six service processes, PostgreSQL, the event log and a chain:
stake, task, two submissions, scores, one epoch paid, ten paid calls. After each run the final state must be that of the
undisturbed run, without duplicates, gaps or anything stuck. One line per fault; the failing seeds at the end.

  --seeds N       runs of each fault (default 1)
  --seed S        the first seed (default 1): which process is hit, when, and how
  --only NAME     only faults whose name begins so; may be repeated
  --together N    kill up to N different processes in one run; a failing run is taken apart (default 1)
  --steps         only kills at steps, no other faults
  --apart         API and workers as processes of their own, two instances of arena and billing: 16 processes instead of six
  --story         the demo's whole story on a cluster and Kafka instead, once for each kind of fault; equal fingerprints
  --ci            two seeds of each step from --seed on (one of them on Kafka where the step meets it), five kills in a run,
                  one of each kind of the other faults
  --minutes N     begin no run after so long; what was not run has failed (default 600; with --ci 12, and 18 for
                  what was not struck yet)
  --list          name the faults
  --json          the outcome as one JSON object on stdout, progress on stderr
  --verbose       with each failure the last lines of the processes
  --port-base N   first of the ports used on 127.0.0.1 (default 23000)
  --help          this text
`;

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) throw new Error(`--${name} must be an integer from ${min} to ${max}, not "${text}"`);
  return value;
}

/** Reads the command line; throws a sentence that names the option. */
export function parseChaosOptions(args: readonly string[]): ChaosOptions | 'help' | 'list' {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: string, seed: string, only: { type: 'string', multiple: true }, together: string, minutes: string, 'port-base': string, json: flag, ci: flag, apart: flag, story: flag, steps: flag, verbose: flag, list: flag, help: flag },
  });
  if (values.help) return 'help';
  if (values.list) return 'list';
  if (values.story && values.ci) throw new Error('--story takes longer than CI has: it cannot be combined with --ci');
  if (values.story && values.steps) throw new Error('--story kills at moments, not at steps: it cannot be combined with --steps');
  return {
    seeds: integer('seeds', values.seeds ?? (values.ci ? '2' : '1'), 1, 1_000),
    seed: integer('seed', values.seed ?? '1', 0, 4_294_967_295),
    only: values.only ?? [],
    together: integer('together', values.together ?? (values.ci ? '5' : '1'), 1, 6),
    minutes: integer('minutes', values.minutes ?? (values.ci ? '12' : '600'), 1, 10_000),
    portBase: integer('port-base', values['port-base'] ?? '23000', 1024, 65_000),
    json: values.json, ci: values.ci, apart: values.apart, story: values.story, steps: values.steps, verbose: values.verbose,
  };
}
