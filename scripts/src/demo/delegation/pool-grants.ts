import { AT_ONCE, ensureMinted, fixVesting, flockAbi, rewardsAbi, rewardsTree, streamOfTask, taskKey, type Grant, type RewardsTree } from '@skein/contracts-evm';
import { RewardService } from '@skein/contracts/arena';
import { parseWallet } from '@skein/kernel';
import type { Hex } from 'viem';
import { persist } from '../persist.js';
import { verify, type Story } from '../story.js';
import { read, send, type Call } from './contracts.js';
import type { Pool } from './pool.js';

/** A root on chain and what it grants. */
export interface PostedRoot {
  readonly epoch: bigint;
  readonly grants: readonly Grant[];
  readonly tree: RewardsTree;
}

export const rewards = ({ book }: Story, functionName: string, ...args: readonly unknown[]): Call => ({ address: book.rewards, abi: rewardsAbi, functionName, args });
const ask = <T>(story: Story, functionName: string, ...args: readonly unknown[]): Promise<T> => read<T>(story.cast.keeper.chain, rewards(story, functionName, ...args));

/** The arena's task as the chain names it. */
export const arenaTask = ({ threads }: Story): string => (threads.task as string).replace(/^tasks\//, '');

/** When the task's final reward vests, as the arena has decided; fixed on chain once, in whole seconds. */
async function vestingOf(story: Story): Promise<Pick<Grant, 'start' | 'duration'>> {
  const { rewards: all } = await story.cast.partner.client(RewardService, 'arena').listRewards({ parent: story.threads.task as string, pageSize: 100 });
  const locked = all.find(({ vestingStartMs }) => vestingStartMs > 0n);
  verify(locked !== undefined, 'the arena has decided when the final reward vests');
  const [startMs, durationMs] = [Number(locked.vestingStartMs), Number(locked.vestingDurationMs)];
  await persist(() => fixVesting(story.cast.deployer.chain, story.book, arenaTask(story), { startMs, durationMs }));
  return { start: BigInt(Math.floor(startMs / 1000)), duration: BigInt(Math.floor(durationMs / 1000)) };
}

/** What the arena has granted each wallet: what was paid for epochs at once, and its part of the locked pool in the task's own stream. */
export async function arenaGrants(story: Story): Promise<Grant[]> {
  const vesting = await vestingOf(story);
  const stream = streamOfTask(taskKey(arenaTask(story)));
  const sums = new Map<string, { paid: bigint; locked: bigint }>();
  for (const { wallet, paid, locked } of story.report.arena?.rewards ?? []) {
    const sum = sums.get(wallet) ?? { paid: 0n, locked: 0n };
    sums.set(wallet, { paid: sum.paid + BigInt(paid), locked: sum.locked + BigInt(locked) });
  }
  return [...sums].flatMap(([wallet, { paid, locked }]) => {
    const account = parseWallet(wallet).address as Hex;
    return [{ account, stream: AT_ONCE, total: paid, start: 0n, duration: 0n }, { account, stream, total: locked, ...vesting }].filter(({ total }) => total > 0n);
  });
}

/** Brings FLOCK to the rewards' contract, up to `sum` base units ever: no root may grant more. */
export async function ensureFunded(story: Story, sum: bigint): Promise<void> {
  const { cast: { deployer: { chain } }, book } = story;
  await persist(async () => {
    const missing = sum - (await ask<bigint>(story, 'totalFunded'));
    if (missing <= 0n) return;
    await ensureMinted(chain, book, chain.address, sum);
    await send(chain, { address: book.flock, abi: flockAbi, functionName: 'approve', args: [book.rewards, missing] });
    await send(chain, rewards(story, 'fund', missing));
  });
}

/** Posts the root that grants the pool `total` since its beginning, beside the arena's grants, for the epoch that the pool is funded for next. */
export async function postRoot(story: Story, pool: Pool, arena: readonly Grant[], total: bigint): Promise<PostedRoot> {
  const grants = [...arena, { account: pool.address, stream: AT_ONCE, total, start: 0n, duration: 0n }];
  const tree = rewardsTree({ chainId: story.book.chainId, rewards: story.book.rewards }, grants);
  return persist(async () => {
    const epoch = BigInt(await pool.read<number>('nextFunding'));
    if ((await ask<{ hash: Hex }>(story, 'rootOf', epoch)).hash !== tree.root) await send(story.cast.deployer.chain, rewards(story, 'postRoot', epoch, tree.root, tree.sum));
    return { epoch, grants, tree };
  });
}

/** Claims what the root grants an account and was not paid, by its proofs. Anyone may send it; a claim for a pool funds it. */
export async function claim(story: Story, { epoch, grants, tree }: PostedRoot, account: Hex, sender = story.cast.keeper): Promise<number> {
  let hashes = 0;
  for (const grant of grants.filter((one) => one.account === account)) {
    const proof = tree.proofOf(grant) as Hex[];
    hashes = Math.max(hashes, proof.length);
    await persist(async () => {
      if ((await ask<bigint>(story, 'paid', account, grant.stream)) < grant.total) await send(sender.chain, rewards(story, 'claim', epoch, grant, proof));
      verify((await ask<bigint>(story, 'paid', account, grant.stream)) === grant.total, `${account} is paid all that it was granted`);
    });
  }
  return hashes;
}
