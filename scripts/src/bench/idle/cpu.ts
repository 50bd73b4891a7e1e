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
export function ticksOf(stat: string): number {
  // The name stands in parentheses and may hold anything, so fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** The same for a running process; undefined when it has ended. */
export function readTicks(pid: number): number | undefined {
  try {
    return ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
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
