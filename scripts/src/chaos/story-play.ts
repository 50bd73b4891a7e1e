import { parseAddressBook } from '@skein/contracts-evm';
import { storyData } from '../data/story-data.js';
import { castOf, everybody } from '../demo/cast.js';
import { chapters } from '../demo/chapters/index.js';
import { parseDemoOptions, type DemoOptions } from '../demo/options.js';
import { patience } from '../demo/persist.js';
import { playStory } from '../demo/play.js';
import { Printer } from '../demo/printer.js';
import { fingerprintOf, newReport } from '../demo/report.js';
import type { Story } from '../demo/story.js';
import type { Play } from './play.js';
import type { Run } from './stage.js';

/** Seed of the demo's story, for its people, data and draws. */
export const STORY_SEED = 1;
/** Seed of the secrets of a cluster that the story is played on. */
export const STORY_SECRETS = `demo/${STORY_SEED}`;

/** All processes of a service start anew on a machine that is as busy as it was at the start: what takes 3 s at rest may take 60. */
const PATIENCE_MS = 180_000;

const momentOf = (chapter: number, name: string): string => `${chapter} ${name}`;

async function storyOn({ devnet, folder, say }: Run, at: (moment: string) => void, endings: Story['endings']): Promise<Story> {
  return {
    options: parseDemoOptions(['--target', 'cluster', '--seed', String(STORY_SEED)]) as DemoOptions,
    seed: STORY_SECRETS, devnet, endings, threads: {}, sink: undefined,
    printer: new Printer((text) => text.split('\n').filter((line) => line.trim() !== '').forEach(say)),
    skein: { options: { data: folder, portBase: 0, seed: STORY_SECRETS } },
    book: parseAddressBook(devnet.addressBook), cast: await castOf(STORY_SECRETS, devnet), data: storyData(STORY_SEED),
    moments: { kills: 0, reach: (chapter, name) => at(momentOf(chapter, name)), settled: async () => undefined },
    report: newReport(STORY_SEED),
  };
}

/** The demo's whole story; its facts are its fingerprint and the counts that its seed decides, and its chapters verify the rest. */
export const storyPlay: Play = {
  moments: chapters.flatMap(({ number, moments }) => moments.map((name) => momentOf(number, name))),
  calling: { validation: momentOf(4, 'scoring'), marketplace: momentOf(7, 'first burst') },
  begin: async (run) => {
    patience.timeoutMs = PATIENCE_MS;
    const endings: Story['endings'] = [];
    let story: Story | undefined;
    return {
      play: async (at) => {
        story = await storyOn(run, at, endings);
        await playStory(story);
      },
      facts: async () => {
        const { report } = story as Story;
        const { calls, captured } = report.marketplace ?? {};
        return { fingerprint: [fingerprintOf(report)], calls: [JSON.stringify({ calls, captured, trialBalance: report.billing?.trialBalance })], chapters: report.chapters.map(String) };
      },
      close: async () => {
        await Promise.all(endings.map((ending) => ending()));
        if (story !== undefined) everybody(story.cast).forEach((actor) => actor.close());
      },
    };
  },
};
