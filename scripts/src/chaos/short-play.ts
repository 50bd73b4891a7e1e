import { factsOf } from './final-state.js';
import { dismiss, peopleOf } from './people.js';
import type { Play } from './play.js';
import { publishedBroken, publishedFacts, readPublished, type Published } from './published-state.js';
import { play, STEPS, type Played } from './scenario.js';
import { countsOf } from './stored-state.js';

/** The short scenario; its facts are what the public APIs tell, and how much of what is stored. */
export const shortPlay: Play = {
  moments: STEPS,
  calling: { validation: 'scores and pay', marketplace: 'calls' },
  begin: async ({ devnet, cluster }) => {
    const people = await peopleOf(devnet);
    let done: Played | undefined;
    let told: Promise<Published> | undefined;
    const published = (): Promise<Published> => (told ??= readPublished(cluster));
    return {
      play: async (at) => void (done = await play(people, at)),
      facts: async () => ({ ...(await factsOf(people, done as Played)), ...(await countsOf(cluster)), ...publishedFacts(await published()) }),
      broken: async () => publishedBroken(await published()),
      close: async () => dismiss(people),
    };
  },
};
