import { DeterministicRandom, sha256 } from '@skein/kernel';

/** One kill: in which chapter, at which of the chapter's moments, and how long after the moment it strikes. */
export interface PlannedKill {
  readonly chapter: number;
  readonly moment: number;
  readonly delayMs: number;
}

const DELAY_MS_MAX = 400;

/** Draws `count` kills, each in another chapter, from the seed. `moments` counts the named moments of each chapter. */
export function planKills(seed: number, count: number, moments: ReadonlyMap<number, number>): PlannedKill[] {
  const random = new DeterministicRandom(sha256(new TextEncoder().encode(`skein/demo/kills/${seed}`)));
  const chapters = [...moments.keys()];
  if (count > chapters.length) throw new Error(`${count} kills need ${count} chapters, but only ${chapters.length} can be hit`);
  const draw = (limit: number): number => random.intBelow(limit);
  const picked = Array.from({ length: count }, () => chapters.splice(draw(chapters.length), 1)[0] as number);
  return picked.sort((a, b) => a - b).map((chapter) => ({ chapter, moment: draw(moments.get(chapter) as number), delayMs: draw(DELAY_MS_MAX) }));
}
