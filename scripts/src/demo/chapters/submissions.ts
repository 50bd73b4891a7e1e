import { SubmissionService, TaskService } from '@skein/contracts/arena';
import { Competitor, type Entry } from '@skein/trainer';
import type { Actor } from '../actor.js';
import { persist } from '../persist.js';
import { verify, type Chapter, type Story } from '../story.js';
import { bad, hostile, trained } from './models.js';

const competitorOf = (story: Story, actor: Actor): Competitor =>
  new Competitor({ wallet: actor.wallet, submissions: actor.client(SubmissionService, 'arena'), rest: actor.rest, requestId: (label) => actor.requestId(label), saltSecret: `${story.seed}/${actor.name}` });

/** What each node commits in an epoch, in commit order; undefined: nothing. The copier has got hold of the first node's file. */
export function models(story: Story, epoch: number): (Uint8Array | undefined)[] {
  const { open } = story.data;
  const first = trained(open, 'logistic', story.seed, epoch);
  return [first, trained(open, 'perceptron', story.seed, epoch), epoch === 1 ? first : undefined, epoch === 1 ? hostile(open.columns.length) : undefined, bad(open, story.seed, epoch)];
}

async function untilPhase(story: Story, name: string, epoch: number, phase: string): Promise<void> {
  const tasks = story.cast.partner.client(TaskService, 'arena');
  await persist(async () => {
    const now = await tasks.getTask({ name });
    verify(now.epoch === epoch && now.epochPhase === phase, `epoch ${now.epoch} is ${now.epochPhase} (${now.status}), waiting for epoch ${epoch} ${phase}`);
  }, 120_000);
}

/** Plays the nodes' side of one epoch: commit in order, reveal with the copier first. Returns when scoring may begin. */
export async function playEpoch(story: Story, epoch: number): Promise<void> {
  const { task } = story.threads;
  verify(task !== undefined, 'a task was proposed');
  await untilPhase(story, task, epoch, 'committing');
  const players = story.cast.trainers.map((actor) => ({ actor, competitor: competitorOf(story, actor) }));
  const entries: { actor: Actor; competitor: Competitor; entry: Entry }[] = [];
  for (const [index, model] of models(story, epoch).entries()) {
    const player = players[index]!;
    if (model === undefined) await player.competitor.done(task, epoch);
    else entries.push({ ...player, entry: await player.competitor.commit(task, epoch, model) });
  }
  story.printer.line(`epoch ${epoch}: ${entries.map(({ actor, entry }) => `${actor.name} committed as number ${entry.order}`).join(', ')}`);
  await untilPhase(story, task, epoch, 'revealing');
  const copierFirst = [...entries].sort((a, b) => Number(b.actor.name === 'copier') - Number(a.actor.name === 'copier'));
  for (const { actor, competitor, entry } of copierFirst) story.printer.line(`epoch ${epoch}: ${actor.name} revealed ${entry.model.length} bytes: ${await competitor.reveal(entry)}`);
}

async function showRefusals(story: Story, task: string): Promise<void> {
  const { submissions } = await persist(async () => {
    const page = await story.cast.partner.client(SubmissionService, 'arena').listSubmissions({ parent: task, epoch: 1 });
    verify(page.submissions.filter(({ status }) => status === 'rejected').length === 2, 'the copy and the hostile file are refused');
    return page;
  });
  const ruleOf = (name: string): string | undefined => submissions.find(({ owner }) => owner === story.cast.trainers.find((actor) => actor.name === name)?.wallet)?.rule;
  verify(ruleOf('copier') === 'copy', `the copy is refused by the rule copy, not ${ruleOf('copier')}`);
  verify(ruleOf('hostile') === 'external-data', `the hostile file is refused by the rule external-data, not ${ruleOf('hostile')}`);
  story.printer.line('refused: the copy, although revealed first (rule copy), and the file that reads the disk (rule external-data)');
}

/** 3. The nodes train for real, commit, reveal and upload; a copy and a hostile file are refused by the name of the rule. */
export const submissions: Chapter = {
  number: 3,
  title: 'Submissions',
  moments: ['committing and revealing', 'judging copies'],
  async play(story) {
    story.moments.reach(3, 'committing and revealing');
    await playEpoch(story, 1);
    story.moments.reach(3, 'judging copies');
    await showRefusals(story, story.threads.task as string);
  },
};
