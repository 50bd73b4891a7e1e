import { AT_ONCE, streamOfTask, taskKey } from '@skein/contracts-evm';
import { BillingService, type Statement } from '@skein/contracts/billing';
import { StakingService } from '@skein/contracts/staking';
import type { Actor } from '../actor.js';
import type { Story } from '../story.js';
import type { Balance } from './balances.js';
import { read } from './contracts.js';
import { arenaTask, claim, rewards, type PostedRoot } from './pool-grants.js';

/** Whom the arena has rewarded, in the cast's order. */
export function earners({ cast, report }: Story): Actor[] {
  const wallets = new Set((report.arena?.rewards ?? []).filter(({ paid, locked }) => BigInt(paid) + BigInt(locked) > 0n).map(({ wallet }) => wallet));
  return [...cast.trainers, ...cast.validators].filter(({ wallet }) => wallets.has(wallet));
}

/** Everybody whom the arena has rewarded claims it on chain. */
export async function claimArenaRewards(story: Story, root: PostedRoot): Promise<void> {
  const hashes = await Promise.all(earners(story).map((actor) => claim(story, root, actor.chain.address, actor)));
  story.printer.line(`${hashes.length} wallets claimed what the arena had granted them, against the root of reward epoch ${root.epoch}, by proofs of up to ${Math.max(...hashes)} hashes`);
}

const sumOf = (units: readonly string[]): bigint => units.reduce((sum, one) => sum + BigInt(one || '0'), 0n);

async function onChain(story: Story, { chain }: Actor): Promise<bigint> {
  const streams = [AT_ONCE, streamOfTask(taskKey(arenaTask(story)))];
  const paid = await Promise.all(streams.map((stream) => read<bigint>(chain, rewards(story, 'paid', chain.address, stream))));
  return paid.reduce((sum, one) => sum + one, 0n);
}

async function projected(story: Story, { wallet }: Actor): Promise<bigint> {
  const { payments } = await story.cast.operator.client(StakingService, 'staking-indexer').listPayments({ account: wallet });
  return sumOf(payments.map(({ units }) => units));
}

/** What the wallet's statement says of this task: paid at once, and what has vested or still vests. */
const billed = (statements: readonly Statement[], task: string): bigint =>
  sumOf(statements.filter(({ asset }) => asset === 'FLOCK').flatMap(({ lines }) => lines.filter(({ source }) => source === task).map(({ units }) => units)));

/** What each rewarded wallet was paid, fees included: by the contract, the read model, and its statement. */
export async function rewardBalances(story: Story): Promise<Balance[]> {
  const billing = story.cast.operator.client(BillingService, 'billing');
  return Promise.all(
    earners(story).map(async (actor) => {
      const { statements } = await billing.getStatement({ payee: actor.wallet });
      return { of: `${actor.name}: rewards, fee included`, chain: await onChain(story, actor), projection: await projected(story, actor), billing: billed(statements, story.threads.task as string) };
    }),
  );
}
