import { existsSync, readFileSync } from 'node:fs';
import { KILLED } from './arming.js';

/** How often each failpoint was hit in one process, and whether it was killed at one. */
export interface Hits {
  readonly counts: ReadonlyMap<string, number>;
  readonly killedAt: string | undefined;
}

/** Reads what the arming module has written. */
export function readHits(file: string): Hits {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '') : [];
  const counts = new Map<string, number>();
  let killedAt: string | undefined;
  for (const line of lines) {
    if (line.startsWith(KILLED)) killedAt = line.slice(KILLED.length + ' at '.length);
    else counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return { counts, killedAt };
}
