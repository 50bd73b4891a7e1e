import { ensureStake, openTask, totalStaked } from '@skein/contracts-evm';
import { Consensus, FinalStake, Metric, RankShare, TaskService } from '@skein/contracts/arena';
import type { Dataset } from '@skein/models';
import { uploadArtifact, withRetry } from '@skein/sdk';
import { csvOf } from '../csv.js';
import { patience, persist } from '../persist.js';
import { verify, type Chapter, type Story } from '../story.js';

/** Deadlines are real, but no outcome depends on them: every phase ends when everybody has acted. */
const DEADLINE_SECONDS = 120;
const GM_FLOCK = 10n ** 18n;
const EPOCHS = 2;

async function upload(story: Story, dataset: Dataset): Promise<string> {
  return withRetry(() => uploadArtifact(story.cast.partner.rest, 'arena', csvOf(dataset)), patience);
}

async function propose(story: Story): Promise<string> {
  const { partner } = story.cast;
  const { open, rotating, heldBack } = story.data;
  const dataSets = { trainingSha256: await upload(story, open), rotatingSha256: [await upload(story, rotating)], heldBackSha256: await upload(story, heldBack), labelColumn: 'diabetes' };
  const windows = { stakingSeconds: 600, commitSeconds: DEADLINE_SECONDS, revealSeconds: DEADLINE_SECONDS, scoringSeconds: DEADLINE_SECONDS };
  const { name } = await partner.client(TaskService, 'arena').proposeTask({
    requestId: partner.requestId('propose'),
    title: 'Diabetes within five years',
    goal: 'Predict from eight measurements whether a patient develops diabetes within five years.',
    metric: Metric.ACCURACY,
    schema: { input: { elementType: 'float', shape: [open.columns.length] }, output: { elementType: 'float', shape: [1] } },
    dataSets,
    schedule: { epochs: EPOCHS, epochSeconds: 60, ...windows, challengeSeconds: 2, vestingSeconds: 2, earlyClose: true, nodesExpected: story.cast.trainers.length, validatorsExpected: story.cast.validators.length },
    rules: { quotaPerEpoch: 1, validatorsPerSubmission: 5, quorum: 3, consensus: Consensus.MEDIAN, rankShare: RankShare.GEOMETRIC, finalStake: FinalStake.MEAN, slashingPolicy: 'none' },
  });
  return name;
}

/** Stakes by real transactions; every wallet has its own nonce, so they go side by side. */
async function stakeAll(story: Story, task: string): Promise<bigint> {
  const { trainers, validators } = story.cast;
  const stakes = [
    ...trainers.map((actor, index) => ({ actor, role: 'node' as const, amount: BigInt(3_000 + 500 * index) * GM_FLOCK })),
    ...validators.map((actor, index) => ({ actor, role: 'validator' as const, amount: BigInt(3_000 + 400 * index) * GM_FLOCK })),
  ];
  const taskId = task.replace(/^tasks\//, '');
  await Promise.all(stakes.map(({ actor, role, amount }) => persist(() => ensureStake(actor.chain, story.book, { taskId, role, amount }))));
  const expected = stakes.reduce((sum, { amount }) => sum + amount, 0n);
  const total = await persist(() => totalStaked(story.cast.deployer.chain, story.book));
  verify(total === expected, `the contract holds ${total} staked base units of ${expected}`);
  return total;
}

/** 2. The partner proposes with its data sets, the operator approves, the wallets stake, training begins. */
export const task: Chapter = {
  number: 2,
  title: 'Task',
  moments: ['proposing', 'approving', 'staking'],
  async play(story) {
    const { printer, cast, data, moments } = story;
    moments.reach(2, 'proposing');
    const name = await propose(story);
    story.threads.task = name;
    printer.line(`the partner uploaded ${data.open.rows} public rows and two hidden sets (${data.rotating.rows} and ${data.heldBack.rows} rows) and proposed ${name}`);
    moments.reach(2, 'approving');
    const operator = cast.operator.client(TaskService, 'arena');
    await operator.approveTask({ requestId: cast.operator.requestId('approve'), name });
    printer.line('the operator approved it; its parameters are frozen');
    await persist(() => openTask(cast.deployer.chain, story.book, name.replace(/^tasks\//, ''), Date.now() + 86_400_000));
    moments.reach(2, 'staking');
    const staked = await stakeAll(story, name);
    printer.line(`five nodes and seven validators staked ${staked / GM_FLOCK} gmFLOCK by real transactions`);
    const started = await persist(async () => {
      const now = await operator.getTask({ name });
      verify(now.status === 'training', `the task is ${now.status}, not yet in training`);
      return now;
    });
    printer.line(`arena's own copy of the stakes shows ${started.nodes} nodes and ${started.validators} validators: training began`);
  },
};
