import { SubmissionService } from '@skein/contracts/arena';
import { ValidatorService, VerdictService, type Assignment } from '@skein/contracts/validation';
import { RunnerPool } from '@skein/runner';
import { ExternalValidator } from '@skein/validator';
import type { Actor } from './actor.js';
import { persist } from './persist.js';
import { verify, type Story } from './story.js';

const FRIENDSHIP = 0.2;

/** How many of the validators leave the work to Skein; the rest works for itself. */
export const MANAGED = 5;

/** The first submission of a round, in commit order, that a validator was drawn for: waits until the whole round is drawn. */
async function firstDrawn(story: Story, liar: Actor, round: number): Promise<string | undefined> {
  const task = story.threads.task as string;
  return persist(async () => {
    const { submissions } = await liar.client(SubmissionService, 'arena').listSubmissions({ parent: task, epoch: round, pageSize: 100 });
    const { verdicts } = await liar.client(VerdictService, 'validation').listVerdicts({ task, pageSize: 100 });
    const scored = submissions.filter(({ status }) => status !== 'rejected').sort((a, b) => a.order - b.order);
    const drawn = new Map(verdicts.filter((verdict) => verdict.round === round).map(({ submission, assignments }) => [submission, assignments.map(({ validator }) => validator)]));
    verify(scored.every(({ name }) => drawn.has(name)), `round ${round} is not wholly drawn yet`);
    return scored.find(({ name }) => drawn.get(name)?.includes(liar.wallet))?.owner;
  });
}

/** The liar's friend owns the first submission that it is drawn for; every score of the friend gets .2 more, at most 1. */
function flattery(story: Story, liar: Actor): (score: number, assignment: Assignment) => Promise<number> {
  let friend: string | undefined;
  return async (score, assignment) => {
    friend ??= await firstDrawn(story, liar, assignment.round);
    return assignment.submissionOwner === friend ? Math.min(1, score + FRIENDSHIP) : score;
  };
}

/** The two validators on their own hardware, working in the background until they are stopped. */
export class ExternalValidators {
  private readonly runner = new RunnerPool({ spares: 1 });
  private readonly stopped = new AbortController();
  private loops: Promise<void>[] = [];
  lastError: unknown;

  /** The first `MANAGED` validators hand their assignments to Skein, the others begin to poll for theirs. */
  async start(story: Story): Promise<void> {
    const { validators } = story.cast;
    for (const actor of validators.slice(0, MANAGED)) await actor.client(ValidatorService, 'validation').setManaged({ requestId: actor.requestId('managed'), managed: true });
    this.loops = validators.slice(MANAGED).map((actor) => this.loop(actor, story));
  }

  private loop(actor: Actor, story: Story): Promise<void> {
    const validator = new ExternalValidator({
      assignments: actor.client(ValidatorService, 'validation'),
      rest: actor.rest,
      runner: this.runner,
      requestId: (label) => actor.requestId(label),
      saltSecret: `${story.seed}/${actor.name}`,
      ...(actor.name === 'liar' ? { report: flattery(story, actor) } : {}),
    });
    return validator.run(this.stopped.signal, (error) => (this.lastError = error));
  }

  /** Ends the loops and the runner; may be repeated. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.loops);
    await this.runner.stop();
  }
}
