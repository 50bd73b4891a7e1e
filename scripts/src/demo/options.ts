import { parseArgs } from 'node:util';
import type { Target } from '../process/skein-process.js';

/** What `npm run demo` was asked to do. */
export interface DemoOptions {
  readonly seed: number;
  readonly kills: number;
  readonly target: Target;
  /** Of a cluster; undefined: its default. */
  readonly eventLog?: 'kafka' | 'embedded';
  /** Of a cluster: `service=N,…`. */
  readonly instances?: string;
  readonly portBase: number;
  readonly keep: boolean;
  /** Record every span, and compare the edges between services in chapter 9. */
  readonly traces?: true;
  readonly report?: string;
  readonly data?: string;
}

export const DEMO_HELP = `npm run demo -- [options]

Starts Skein on embedded parts, plays one model's life as outside clients would, verifies it and exits 0.

  --seed N        every random draw follows from it (default 1)
  --kills N       kill -9 Skein N times at moments drawn from the seed (default 0, at most 5); of a cluster the whole
                  or some of its processes, drawn too
  --target T      all-in-one (default), or cluster: each service's API and workers as processes of their own
  --event-log K   of a cluster: kafka (default) or embedded
  --instances L   of a cluster: processes of each role, such as validation=2,marketplace=2
  --traces        record every span by a sink of the demo's own; chapter 9 compares the edges between services
  --report FILE   write the report as JSON
  --keep          stay up afterwards; Ctrl-C ends it
  --port-base N   first of the ports used on 127.0.0.1 (default 17400)
  --data DIR      keep the data there (default: a temporary folder, removed at the end)
  --help          this text
`;

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) throw new Error(`--${name} must be an integer from ${min} to ${max}, not "${text}"`);
  return value;
}

function oneOf<const T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new Error(`--${name} must be ${allowed.join(' or ')}, not "${text}"`);
  return found;
}

/** Reads the command line; throws a sentence that names the option. Returns undefined where help was asked for. */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ args: [...args], options: { seed: string, kills: string, target: string, 'event-log': string, instances: string, 'port-base': string, report: string, data: string, keep: flag, traces: flag, help: flag } });
  if (values.help) return undefined;
  const target = oneOf('target', values.target ?? 'all-in-one', ['all-in-one', 'cluster']);
  const eventLog = values['event-log'] === undefined ? undefined : oneOf('event-log', values['event-log'], ['kafka', 'embedded']);
  if (eventLog !== undefined && target !== 'cluster') throw new Error('--event-log belongs to --target cluster');
  if (values.instances !== undefined && target !== 'cluster') throw new Error('--instances belongs to --target cluster');
  return {
    target,
    ...(values.instances === undefined ? {} : { instances: values.instances }),
    ...(eventLog === undefined ? {} : { eventLog }),
    seed: integer('seed', values.seed ?? '1', 0, 4_294_967_295),
    kills: integer('kills', values.kills ?? '0', 0, 5),
    portBase: integer('port-base', values['port-base'] ?? '17400', 1024, 65_000),
    keep: values.keep,
    ...(values.traces ? { traces: true as const } : {}),
    ...(values.report === undefined ? {} : { report: values.report }),
    ...(values.data === undefined ? {} : { data: values.data }),
  };
}
