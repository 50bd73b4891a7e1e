import { balancesOf, rewardsAbi, stakeOf } from '@skein/contracts-evm';
import { StakingService, type Delegation } from '@skein/contracts/staking';
import { verify, type Story } from '../story.js';
import type { Balance } from './balances.js';
import { read } from './contracts.js';
import type { Pool } from './pool.js';
import type { KeepersCase } from './slash-case.js';

/** What the read model knows of both delegators, in their order. */
async function delegationsOf({ cast }: Story, pool: Pool): Promise<Delegation[]> {
  const { delegations } = await cast.operator.client(StakingService, 'staking-indexer').listDelegations({ pool: pool.address });
  return cast.delegators.map(({ wallet, name }) => {
    const found = delegations.find(({ delegator }) => delegator === wallet);
    verify(found !== undefined, `the read model knows of ${name}'s delegation`);
    return found;
  });
}

const balance = async (of: string, chain: Promise<bigint>, projection: string): Promise<Balance> => ({ of, chain: await chain, projection: BigInt(projection) });

/** What each delegator could claim. */
export async function claimables(story: Story, pool: Pool): Promise<Balance[]> {
  const held = await delegationsOf(story, pool);
  return Promise.all(story.cast.delegators.map(({ name, chain }, at) => balance(`${name}: claimable, FLOCK`, pool.read<bigint>('claimable', chain.address), (held[at] as Delegation).claimableUnits)));
}

/** What each delegator could have back. */
async function delegated(story: Story, pool: Pool): Promise<Balance[]> {
  const held = await delegationsOf(story, pool);
  return Promise.all(story.cast.delegators.map(({ name, chain }, at) => balance(`${name}: delegated, gmFLOCK`, pool.read<bigint>('delegationOf', chain.address), (held[at] as Delegation).freeUnits)));
}

/** The pool's own sums. */
async function sums(story: Story, pool: Pool): Promise<Balance[]> {
  const { pools: [model] } = await story.cast.operator.client(StakingService, 'staking-indexer').listPools({ pool: pool.address });
  verify(model !== undefined, 'the read model knows the pool');
  return Promise.all([
    balance('the pool: gmFLOCK in it', pool.read<bigint>('total'), model.totalUnits),
    balance('the pool: FLOCK ever paid to it', pool.read<bigint>('totalFunded'), model.fundedUnits),
    balance('the pool: FLOCK claimed, fee included', pool.read<bigint>('totalClaimed'), model.claimedUnits),
  ]);
}

/** What the case left and where the rest went. */
async function ofCase(story: Story, { taskId, caseId }: KeepersCase): Promise<Balance[]> {
  const { book, cast: { keeper, reporter, operator } } = story;
  const staking = operator.client(StakingService, 'staking-indexer');
  const [{ stakes }, { cases: [ended] }] = await Promise.all([staking.listStakes({ task: `tasks/${taskId}` }), staking.listCases({ caseId })]);
  verify(ended !== undefined, 'the read model knows the case');
  const own = stakes.find(({ wallet, role }) => wallet === keeper.wallet && role === 'node')?.finalisedUnits ?? '0';
  const rest = BigInt(ended.fromOwnerUnits) + BigInt(ended.fromPoolUnits) - BigInt(ended.toReporterUnits);
  const funded = read<bigint>(keeper.chain, { address: book.slashedRewards, abi: rewardsAbi, functionName: 'totalFunded', args: [] });
  return Promise.all([
    balance('keeper: own stake, gmFLOCK', stakeOf(keeper.chain, book, keeper.chain.address, { taskId, role: 'node' }), own),
    balance('reporter: gmFLOCK', balancesOf(reporter.chain, book, reporter.chain.address).then(({ gmFlock }) => gmFlock), ended.toReporterUnits),
    balance('slashed gmFLOCK for tasks’ pools', funded, rest.toString()),
  ]);
}

/** Stakes, principal and money of the pool, by contract and read model. */
export async function poolBalances(story: Story, pool: Pool, stakesCase: KeepersCase): Promise<Balance[]> {
  return (await Promise.all([ofCase(story, stakesCase), sums(story, pool), delegated(story, pool), claimables(story, pool)])).flat();
}
