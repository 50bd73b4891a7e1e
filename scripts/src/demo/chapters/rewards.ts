import { RewardService, SubmissionService, TaskService, type Epoch, type Reward, type Submission } from '@skein/contracts/arena';
import { persist } from '../persist.js';
import type { ArenaReport } from '../report.js';
import { verify, type Chapter, type Story } from '../story.js';
import { playEpoch } from './submissions.js';

const sum = <T>(items: readonly T[], units: (item: T) => string): bigint => items.reduce((total, item) => total + BigInt(units(item) || '0'), 0n);
const flock = (units: bigint): string => `${units / 10n ** 18n}.${(units % 10n ** 18n).toString().padStart(18, '0').slice(0, 4)}`;
const nano = (score: bigint | undefined): number | undefined => (score === undefined ? undefined : Number(score) / 1e9);

async function untilFinished(story: Story, name: string): Promise<void> {
  const tasks = story.cast.partner.client(TaskService, 'arena');
  await persist(async () => {
    const { status, epoch, epochPhase } = await tasks.getTask({ name });
    verify(status === 'finished', `the task is in ${status}, epoch ${epoch} ${epochPhase}`);
  }, 120_000);
}

async function everyReward(story: Story, parent: string): Promise<Reward[]> {
  const client = story.cast.partner.client(RewardService, 'arena');
  const all: Reward[] = [];
  for (let pageToken = ''; ; ) {
    const page = await client.listRewards({ parent, pageSize: 100, pageToken });
    all.push(...page.rewards);
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
}

/** ΣF ÷ Σ of the stake's parts over the wallet's counted assignments: 1 is what its stake alone would have earned. */
function validatorShares(story: Story, rewards: readonly Reward[]): ArenaReport['validators'] {
  return story.cast.validators.flatMap(({ wallet, name }) => {
    const own = rewards.filter((reward) => reward.wallet === wallet && reward.role === 'validator');
    const part = sum(own, ({ stakeShareE18 }) => stakeShareE18);
    if (part === 0n) return [];
    const share = Number((sum(own, ({ shareE18 }) => shareE18) * 1_000_000n) / part) / 1e6;
    return [{ wallet, share, liar: name === 'liar', paid: sum(own, ({ paidUnits }) => paidUnits).toString() }];
  });
}

/** Every unit that was minted is somewhere: per epoch, and over the task. */
function verifyEpochs(epochs: readonly Epoch[]): void {
  for (const epoch of epochs) {
    const [minted, carriedIn, paid, locked, carriedOut] = [epoch.mintedUnits, epoch.carriedInUnits, epoch.paidUnits, epoch.lockedUnits, epoch.carriedOutUnits].map(BigInt) as [bigint, bigint, bigint, bigint, bigint];
    verify(minted + carriedIn === paid + locked + carriedOut, `epoch ${epoch.number} minted ${minted} and carried ${carriedIn} in, but paid ${paid}, locked ${locked}, carried ${carriedOut} out`);
  }
}

function reportOf(story: Story, submissions: readonly Submission[], rewards: readonly Reward[], epochs: readonly Epoch[]): ArenaReport {
  const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> => (value === undefined ? {} : ({ [key]: value } as Record<K, V>));
  return {
    submissions: submissions.map(({ name, owner, epoch, status, rule, finalScoreNano, finalRank }) => ({ id: name, owner, epoch, status, ...optional('rule', rule || undefined), ...optional('score', nano(finalScoreNano)), ...optional('rank', finalRank || undefined) })),
    rewards: rewards.map(({ wallet, role, epoch, paidUnits, poolPaidUnits, lockedUnits, poolLockedUnits }) => ({ wallet, role, epoch, paid: (BigInt(paidUnits || '0') + BigInt(poolPaidUnits || '0')).toString(), locked: (BigInt(lockedUnits || '0') + BigInt(poolLockedUnits || '0')).toString() })),
    validators: validatorShares(story, rewards),
    minted: sum(epochs, ({ mintedUnits }) => mintedUnits).toString(),
    paid: sum(epochs, ({ paidUnits }) => paidUnits).toString(),
    locked: sum(epochs, ({ lockedUnits }) => lockedUnits).toString(),
    carried: (epochs.at(-1)?.carriedOutUnits ?? '0').toString(),
  };
}

/** Whoever flatters a friend gets less than its stake's part, and less than everybody honest. */
function verifyLiar({ validators }: ArenaReport): void {
  const liar = validators.find((validator) => validator.liar);
  const honest = validators.filter((validator) => !validator.liar).map(({ share }) => share);
  verify(liar === undefined || (liar.share < 1 && liar.share < Math.min(...honest)), `the liar's share ${liar?.share} shows its lies`);
}

function show(story: Story, report: ArenaReport): void {
  const nameOf = new Map([...story.cast.trainers, ...story.cast.validators].map(({ wallet, name }) => [wallet, name]));
  const ranked = report.submissions.filter(({ rank }) => rank !== undefined).sort((a, b) => (a.rank as number) - (b.rank as number));
  story.printer.table(
    ['rank', 'node', 'hidden score', 'paid FLOCK', 'locked FLOCK'],
    ranked.map(({ rank, owner, score }) => {
      const own = report.rewards.filter(({ wallet }) => wallet === owner);
      return [String(rank), nameOf.get(owner) ?? owner, (score ?? 0).toFixed(4), flock(sum(own, ({ paid }) => paid)), flock(sum(own, ({ locked }) => locked))];
    }),
  );
  story.printer.table(['validator', 'share of its stake’s part', 'paid FLOCK'], report.validators.map(({ wallet, share, paid }) => [nameOf.get(wallet) ?? wallet, share.toFixed(6), flock(BigInt(paid))]));
}

/** 5. Two epochs close, the held-back set decides, the challenge passes, vesting starts; every unit is accounted for. */
export const rewards: Chapter = {
  number: 5,
  title: 'Rewards',
  moments: ['second epoch', 'final validation'],
  async play(story) {
    const task = story.threads.task as string;
    story.moments.reach(5, 'second epoch');
    await playEpoch(story, 2);
    story.moments.reach(5, 'final validation');
    await untilFinished(story, task);
    const client = story.cast.partner.client(RewardService, 'arena');
    const [{ submissions }, all, { epochs }] = await Promise.all([story.cast.partner.client(SubmissionService, 'arena').listSubmissions({ parent: task, pageSize: 100 }), everyReward(story, task), client.listEpochs({ parent: task })]);
    verifyEpochs(epochs);
    const report = reportOf(story, submissions, all, epochs);
    story.report.arena = report;
    verify(BigInt(report.minted) === BigInt(report.paid) + BigInt(report.locked) + BigInt(report.carried), 'minted = paid + locked + carried');
    const divided = sum(report.rewards, ({ locked }) => locked);
    verify(divided === BigInt(report.locked), `the final ranking divides ${divided} of the ${report.locked} locked base units`);
    verifyLiar(report);
    show(story, report);
    story.printer.line(`minted ${flock(BigInt(report.minted))} = paid ${flock(BigInt(report.paid))} + locked ${flock(BigInt(report.locked))} + carried ${flock(BigInt(report.carried))} FLOCK, to the base unit`);
  },
};
