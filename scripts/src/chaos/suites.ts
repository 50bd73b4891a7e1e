import { attempt, type Attempt, type Ground } from './attempt.js';
import type { Suite } from './kill-runs.js';
import { steadyHits } from './kills.js';
import type { Play } from './play.js';
import { repairPlay } from './repair-play.js';
import { shortPlay } from './short-play.js';
import { storyPlay } from './story-play.js';
import { ON_KAFKA } from './strikes.js';

const PLAYS = { scenario: shortPlay, repairs: repairPlay, story: storyPlay } as const satisfies Readonly<Record<string, Play>>;
type Name = keyof typeof PLAYS;

/** What all suites share. */
export type SuitesGround = Pick<Ground, 'stage' | 'portBase'> & Pick<Suite, 'progress' | 'verbose' | 'late'>;

/** Undisturbed runs, made when they are first needed: what each disturbed run is compared with, and where its kills can come. */
export class Suites {
  readonly #ground: SuitesGround;
  /** Every undisturbed run so far. */
  readonly undisturbed: { readonly what: string; readonly playedMs: number }[] = [];
  readonly #made = new Map<string, Promise<Suite>>();
  constructor(ground: SuitesGround) {
    this.#ground = ground;
  }

  /** What is played with Kafka under it ends as it does with the embedded log. */
  of(plays: Name, log: 'embedded' | 'kafka'): Promise<Suite> {
    const key = `${plays} ${log}`;
    const made = this.#made.get(key) ?? (log === 'embedded' ? this.#embedded(plays) : this.#onKafka(plays));
    this.#made.set(key, made);
    return made;
  }

  async #embedded(plays: Name): Promise<Suite> {
    const { stage, portBase, ...rest } = this.#ground;
    const ground: Ground = { stage, portBase, play: PLAYS[plays] };
    // What several undisturbed runs do not share is no property of what is played.
    const first = await this.#undisturbed(plays, () => attempt(ground, {}, undefined));
    const again = plays !== 'scenario' ? [] : [await this.#undisturbed(plays, () => attempt(ground, {}, first.facts))];
    const steady = steadyHits([first, ...again].map(({ hits }) => hits));
    return { ...rest, ground, attempt: (disturbance, other = stage) => attempt({ ...ground, stage: other }, disturbance, first.facts), steady };
  }

  async #onKafka(plays: Name): Promise<Suite> {
    const suite = await this.of(plays, 'embedded');
    const onKafka: Suite['attempt'] = (disturbance, stage) => suite.attempt({ ...disturbance, cluster: { ...ON_KAFKA, ...disturbance.cluster } }, stage);
    const { hits } = await this.#undisturbed(`${plays} on Kafka`, () => onKafka({}));
    return { ...suite, attempt: onKafka, steady: steadyHits([hits]) };
  }

  async #undisturbed(what: string, run: () => Promise<Attempt>): Promise<Attempt> {
    const result = await run();
    if (result.problems.length > 0) throw new Error(`an undisturbed run (${what}) is not sound:\n${result.problems.join('\n')}\n${result.output.slice(-40).join('\n')}`);
    this.undisturbed.push({ what, playedMs: result.playedMs });
    this.#ground.progress(`undisturbed, ${what}: ${(result.playedMs / 1000).toFixed(1)} s of play, ${(result.tookMs / 1000).toFixed(1)} s with start and comparison`);
    return result;
  }
}
