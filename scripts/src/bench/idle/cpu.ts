import { readFileSync } from 'node:fs';

/** Whose processes are counted together. */
export type Party = 'skein' | 'postgresql' | 'anvil' | 'broker';

/** Whose a process is, by its name and command line. */
export function partyOf(name: string, command: string): Party {
  if (name.startsWith('postgres') || /\/postgres(\s|$)/.test(command.split(' ', 1)[0] ?? '')) return 'postgresql';
  if (name.startsWith('anvil')) return 'anvil';
  if (name === 'java' || /(^|\/)java\s/.test(command)) return 'broker';
  return 'skein';
}

/** User and system time of a process in clock ticks, from the text of its /proc/<pid>/stat; its ended and awaited children are not in it. */
export const ticksOf = (stat: string): number => fieldsOf(stat, 11);

/** The same of its ended and awaited children. */
export const awaitedTicksOf = (stat: string): number => fieldsOf(stat, 13);

function fieldsOf(stat: string, first: number): number {
  // The name stands in parentheses and may hold anything, so fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[first]) + Number(fields[first + 1]);
}

/** The same for a running process; undefined when it has ended. */
export function readTicks(pid: number, of: (stat: string) => number = ticksOf): number | undefined {
  try {
    return of(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** User and system time so far of processes that still run, with their ended and awaited children, in seconds per party. */
export function cpuSecondsOf(processes: readonly { readonly pid: number; readonly party: Party }[]): Record<Party, number> {
  const seconds: Record<Party, number> = { skein: 0, postgresql: 0, anvil: 0, broker: 0 };
  for (const { pid, party } of processes) seconds[party] += ((readTicks(pid) ?? 0) + (readTicks(pid, awaitedTicksOf) ?? 0)) / TICKS_PER_SECOND;
  for (const party of Object.keys(seconds) as Party[]) seconds[party] = Number(seconds[party].toFixed(2));
  return seconds;
}

/** A process at the beginning and at the end of the measured time. */
export interface Sampled {
  readonly pid: number;
  readonly party: Party;
  readonly ticksBefore: number;
  readonly ticksAfter: number;
}

const TICKS_PER_SECOND = 100;

/** Percent of one core, per party, over `seconds`. */
export function percentOfOneCore(samples: readonly Sampled[], seconds: number): Record<Party, number> {
  const percent: Record<Party, number> = { skein: 0, postgresql: 0, anvil: 0, broker: 0 };
  for (const { party, ticksBefore, ticksAfter } of samples) percent[party] += ((ticksAfter - ticksBefore) / TICKS_PER_SECOND / seconds) * 100;
  for (const party of Object.keys(percent) as Party[]) percent[party] = Number(percent[party].toFixed(2));
  return percent;
}
