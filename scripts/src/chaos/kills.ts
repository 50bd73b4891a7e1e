import type { ProcessId } from '@skein/cluster';
import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import type { Arming } from './arming.js';
import type { Attempt } from './attempt.js';

/** One kill -9: which role of a service (`arena/worker`), at which hit (from 1) of which failpoint; of several instances the first there. */
export interface Kill {
  readonly process: string;
  readonly failpoint: string;
  readonly at: number;
}

/** Later hits of an undisturbed run may not come in a disturbed one. */
const EARLY_PERCENT = 70;

/** `arena/worker` of `arena/worker/1`. */
const groupOf = (process: string): string => process.slice(0, process.lastIndexOf('/'));

/** What can be counted on: by service and role, how often each failpoint is hit in every one of some runs by the instance that hits it most. */
export function steadyHits(runs: readonly Attempt['hits'][]): Attempt['hits'] {
  const groups = [...new Set(runs.flatMap((hits) => [...hits.keys()].map(groupOf)))];
  const most = (hits: Attempt['hits'], group: string, name: string): number => Math.max(0, ...[...hits].filter(([process]) => groupOf(process) === group).map(([, counts]) => counts.get(name) ?? 0));
  return new Map(groups.map((group) => {
    const names = new Set(runs.flatMap((hits) => [...hits].flatMap(([process, counts]) => (groupOf(process) === group ? [...counts.keys()] : []))));
    return [group, new Map([...names].map((name) => [name, Math.min(...runs.map((hits) => most(hits, group, name)))]))];
  }));
}

/** One line for each failpoint: who hits it how often, for whoever wonders where a kill may come. */
export const steadyTable = (steady: Attempt['hits'], failpoints: readonly string[]): string[] =>
  failpoints.map((name) => `${name.padEnd(24)} ${[...steady].flatMap(([process, counts]) => ((counts.get(name) ?? 0) === 0 ? [] : [`${process} ${counts.get(name)}`])).join(', ') || 'nobody'}`);

/** Draws a kill at a failpoint from the seed, among what is always hit; undefined where that is nothing. */
export function drawKill(failpoint: string, seed: number, steady: Attempt['hits']): Kill | undefined {
  const reached = [...steady].flatMap(([process, counts]) => {
    const count = counts.get(failpoint) ?? 0;
    return count === 0 ? [] : [{ process, count }];
  });
  if (reached.length === 0) return undefined;
  const random = new DeterministicRandom(sha256(utf8(`skein/chaos/${failpoint}/${seed}`)));
  const { process, count } = reached[random.intBelow(reached.length)] as { process: string; count: number };
  return { process, failpoint, at: 1 + random.intBelow(Math.max(1, Math.floor((count * EARLY_PERCENT) / 100))) };
}

/** The same kill sooner; undefined where it was to come at the first hit. */
export const sooner = (kill: Kill): Kill | undefined => (kill.at === 1 ? undefined : { ...kill, at: Math.ceil(kill.at / 2) });

/** What each process is told so that the kills come about. */
export function armedWith(kills: readonly Kill[]): (id: ProcessId) => Omit<Arming, 'hits' | 'killed'> {
  return ({ service, role }) => {
    const kill = kills.find(({ process }) => process === `${service}/${role}`);
    return kill === undefined ? {} : { kill: { name: kill.failpoint, at: kill.at } };
  };
}
