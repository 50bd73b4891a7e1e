import { SubmissionService, TaskService } from '@skein/contracts/arena';
import { VerdictService, type Verdict } from '@skein/contracts/validation';
import { persist } from '../persist.js';
import { verify, type Chapter, type Story } from '../story.js';

const DRAWN = 5;
const EPOCH = 1;

async function untilScored(story: Story, name: string): Promise<void> {
  const tasks = story.cast.partner.client(TaskService, 'arena');
  await persist(async () => {
    const { epoch, status } = await tasks.getTask({ name });
    verify(epoch > EPOCH || status !== 'training', `epoch ${epoch} is still being scored`);
  }, 120_000);
}

async function verdictsOf(story: Story, task: string): Promise<Verdict[]> {
  const client = story.cast.operator.client(VerdictService, 'validation');
  return persist(async () => {
    const verdicts = (await client.listVerdicts({ task, pageSize: 100 })).verdicts.filter(({ round }) => round === EPOCH);
    verify(verdicts.length === 3 && verdicts.every(({ status }) => status === 'agreed'), `of 3 verdicts ${verdicts.filter(({ status }) => status === 'agreed').length} are agreed (${verdicts.map(({ status, rule, assignments }) => [status, rule, ...assignments.map((one) => `${one.status} ${one.rule}`)].filter(Boolean).join(' ')).join('; ')})`);
    return verdicts;
  });
}

async function show(story: Story, task: string, verdicts: readonly Verdict[]): Promise<void> {
  const { submissions } = await story.cast.partner.client(SubmissionService, 'arena').listSubmissions({ parent: task, epoch: EPOCH });
  const nameOf = new Map([...story.cast.trainers, ...story.cast.validators].map(({ wallet, name }) => [wallet, name]));
  const ownerOf = new Map(submissions.map(({ name, owner }) => [name, nameOf.get(owner) ?? owner]));
  const score = (nano: bigint | undefined): string => (nano === undefined ? '' : (Number(nano) / 1e9).toFixed(4));
  story.printer.table(
    ['submission of', 'agreed', 'validators: score (share of this reward)'],
    verdicts.map(({ submission, agreedScoreNano, assignments }) => [
      ownerOf.get(submission) ?? submission,
      score(agreedScoreNano),
      assignments.map(({ validator, scoreNano, shareE18 }) => `${nameOf.get(validator) ?? validator}: ${score(scoreNano)} (${(Number(shareE18 || '0') / 1e18).toFixed(3)})`).join(', '),
    ]),
  );
}

/** 4. Five of seven validators are drawn for each submission; seals, reveals, consensus; the liar's share shows it. */
export const validation: Chapter = {
  number: 4,
  title: 'Validation',
  moments: ['scoring', 'consensus'],
  async play(story) {
    const task = story.threads.task as string;
    story.moments.reach(4, 'scoring');
    await untilScored(story, task);
    story.moments.reach(4, 'consensus');
    const verdicts = await verdictsOf(story, task);
    for (const verdict of verdicts) verify(verdict.assignments.length === DRAWN, `${verdict.assignments.length} validators were drawn, not ${DRAWN}`);
    story.printer.line(`each submission was scored by ${DRAWN} of ${story.cast.validators.length} validators, drawn by √stake from the beacon (${verdicts[0]?.beaconKind} ${verdicts[0]?.beaconValue.slice(0, 12)}…)`);
    await show(story, task, verdicts);
  },
};
