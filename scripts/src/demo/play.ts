import { chapters } from './chapters/index.js';
import { ExternalValidators } from './external-validators.js';
import type { Story } from './story.js';

/** Plays all chapters. The external validators live from the first to the last: they poll, as programs on other machines do. */
export async function playStory(story: Story): Promise<void> {
  const validators = new ExternalValidators();
  story.endings.push(() => validators.stop());
  try {
    await validators.start(story);
    await playChapters(story);
  } catch (error) {
    if (validators.lastError !== undefined) story.printer.line(`an external validator last met: ${String(validators.lastError)}`);
    throw error;
  }
}

async function playChapters(story: Story): Promise<void> {
  for (const chapter of chapters) {
    story.printer.chapter(chapter.number, chapter.title);
    try {
      await chapter.play(story);
    } finally {
      // Where a Skein that was killed does not come back, that is the reason, not what the chapter met without it.
      await story.moments.settled();
    }
    story.report.chapters.push(chapter.number);
  }
}
