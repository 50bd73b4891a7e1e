import type { ProcessId } from '@skein/cluster';
import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import type { Arming } from './arm.js';
import type { Attempt } from './attempt.js';

/** One kill -9: which process, at which hit (from 1) of which failpoint. */
export interface Kill {
  readonly process: string;
  readonly failpoint: string;
  readonly at: number;
}

/** Later hits of an undisturbed run may not come in a disturbed one. */
const EARLY_PERCENT = 70;

/** Draws a kill at a failpoint from the seed, among what the undisturbed run has hit; undefined where that is nothing. */
export function drawKill(failpoint: string, seed: number, undisturbed: Attempt['hits']): Kill | undefined {
  const reached = [...undisturbed].flatMap(([process, counts]) => {
    const count = counts.get(failpoint) ?? 0;
    return count === 0 ? [] : [{ process, count }];
  });
  if (reached.length === 0) return undefined;
  const random = new DeterministicRandom(sha256(utf8(`skein/chaos/${failpoint}/${seed}`)));
  const { process, count } = reached[random.intBelow(reached.length)] as { process: string; count: number };
  return { process, failpoint, at: 1 + random.intBelow(Math.max(1, Math.floor((count * EARLY_PERCENT) / 100))) };
}

/** What each process is told so that the kills come about. */
export function armedWith(kills: readonly Kill[]): (id: ProcessId) => Omit<Arming, 'hits'> {
  return ({ service, role, index }) => {
    const kill = kills.find(({ process }) => process === `${service}/${role}/${index}`);
    return kill === undefined ? {} : { kill: { name: kill.failpoint, at: kill.at } };
  };
}
