import { balancesOf } from '@skein/contracts-evm';
import { ChainService } from '@skein/contracts/staking';
import { claimArenaRewards, rewardBalances } from '../delegation/arena-rewards.js';
import { differences, reported, showBalances, type Balance } from '../delegation/balances.js';
import { claimables, poolBalances } from '../delegation/pool-balances.js';
import { arenaGrants, claim, ensureFunded, postRoot } from '../delegation/pool-grants.js';
import { EXIT, HOLDINGS, openPool, SIGMA, UNIT, type Pool } from '../delegation/pool.js';
import { KeepersCase, TAKEN } from '../delegation/slash-case.js';
import type { Actor } from '../actor.js';
import { persist } from '../persist.js';
import type { DelegationReport } from '../report.js';
import { verify, type Chapter, type Story } from '../story.js';

/** What the pool is paid each time. */
const REWARD = 100n * UNIT;
const DELEGATOR_FEE_BPS = 1_450n;

const tokens = (units: bigint | string): string => (Number(BigInt(units) / 10n ** 12n) / 1e6).toString();
const delegators = ({ cast }: Story): readonly Actor[] => cast.delegators;

/** What each delegator could claim: by the contract, and the same to the base unit by the read model. */
async function sameClaimables(story: Story, pool: Pool): Promise<DelegationReport['claimable']> {
  const [early, late] = await persist(async () => {
    const found = await claimables(story, pool);
    verify(differences(found) === '', differences(found));
    return found.map(({ chain }) => chain) as [bigint, bigint];
  });
  story.printer.line(`claimable by the contract and by the read model, to the base unit: early ${tokens(early)}, late ${tokens(late)} FLOCK`);
  return { early: early.toString(), late: late.toString() };
}

/** Rewards come before and after the late delegator does: what came before is the early one's alone. */
async function rewardsArrive(story: Story, pool: Pool): Promise<DelegationReport['claimable']> {
  const { printer, cast: { delegators: [early, late] } } = story;
  const arena = await arenaGrants(story);
  await ensureFunded(story, arena.reduce((sum, { total }) => sum + total, 2n * REWARD));
  const first = await postRoot(story, pool, arena, REWARD);
  printer.line(`one Merkle root of reward epoch ${first.epoch} grants what the arena has decided, ${first.grants.length - 1} leaves, and the pool ${tokens(REWARD)} FLOCK. This devnet has no signer, so the operator posts it by hand, not the outbox`);
  await pool.untilItCounts(early);
  await claim(story, first, pool.address);
  printer.line(`the pool was paid by a claim against it; then late delegated ${tokens(HOLDINGS.late)} gmFLOCK`);
  await pool.delegate(late, HOLDINGS.late);
  const [second] = await Promise.all([postRoot(story, pool, arena, 2n * REWARD), claimArenaRewards(story, first), pool.untilItCounts(late)]);
  await claim(story, second, pool.address);
  printer.line(`late's delegation counts; the pool was paid another ${tokens(REWARD)} FLOCK`);
  const claimable = await sameClaimables(story, pool);
  const share = (REWARD * HOLDINGS.early) / (HOLDINGS.early + HOLDINGS.late);
  verify(claimable.early === (REWARD + share).toString() && claimable.late === (REWARD - share).toString(), `early may claim ${claimable.early}, late ${claimable.late}`);
  return claimable;
}

async function earlyClaims(story: Story, pool: Pool, claimable: string): Promise<DelegationReport['claimed']> {
  const { delegators: [early] } = story.cast;
  await pool.claim(early);
  const amount = BigInt(claimable);
  const fee = (amount * DELEGATOR_FEE_BPS) / 10_000n;
  const { flock } = await persist(() => balancesOf(early.chain, story.book, early.chain.address));
  verify(flock === amount - fee, `early holds ${flock} base units of FLOCK after its claim`);
  story.printer.line(`early claimed ${tokens(amount)} FLOCK and holds ${tokens(flock)}: ${tokens(fee)} are the fee`);
  return { amount: amount.toString(), fee: fee.toString() };
}

/** Notice, and who wants to leave now: both windows are held by the contracts. */
async function noticed(story: Story, pool: Pool, stakesCase: KeepersCase): Promise<bigint> {
  const { printer, cast: { delegators: [early, late] } } = story;
  await stakesCase.open();
  const passed = 'nothing, the window has passed meanwhile';
  const slash = (await stakesCase.refusedSlash()) ?? passed;
  const exit = await pool.askOut(early, EXIT);
  const withdrawal = (await pool.refusedWithdrawal(early, exit)) ?? passed;
  const { capUnits, countedUnits, ownUnits } = await stakesCase.until('open');
  printer.line(`the operator gave notice of the case ${stakesCase.caseId.slice(0, 10)}… against keeper's stake (the arena's slashing policy is none): up to ${tokens(capUnits)} of the ${tokens(countedUnits)} gmFLOCK that count, ${tokens(ownUnits)} of them its own`);
  await Promise.all([early, late].map((actor) => stakesCase.noticeTo(actor, 'open')));
  printer.line(`both delegators were told. A slash before the appeal window is over is refused by ${slash}; early asked for ${tokens(EXIT)} gmFLOCK back, and to withdraw them at once is refused by ${withdrawal}`);
  return exit;
}

/** The slash after the window: each delegator is told its part. */
async function slashed(story: Story, stakesCase: KeepersCase): Promise<DelegationReport['slash']> {
  const { printer } = story;
  const { fromOwnerUnits: fromOwner, fromPoolUnits: fromPool, toReporterUnits: toReporter } = await stakesCase.slash();
  verify(BigInt(fromOwner) + BigInt(fromPool) === TAKEN, `the slash took ${fromOwner} and ${fromPool}`);
  const notices = await Promise.all(delegators(story).map((actor) => stakesCase.noticeTo(actor, 'slashed')));
  const [early, late] = notices.map(({ lostUnits }) => lostUnits) as [string, string];
  verify(BigInt(early) + BigInt(late) === BigInt(fromPool), `the delegators lost ${early} and ${late}`);
  printer.line(`slashed after the window, by the case's id: ${tokens(fromOwner)} from keeper, ${tokens(fromPool)} from the pool; ${tokens(toReporter)} of it went to the reporter`);
  printer.table(['notice to', 'before, gmFLOCK', 'lost, gmFLOCK'], notices.map(({ beforeUnits, lostUnits }, at) => [delegators(story)[at]!.name, tokens(beforeUnits), tokens(lostUnits)]));
  return { fromOwner, fromPool, toReporter, lost: { early, late } };
}

async function withdrawn(story: Story, pool: Pool, exit: bigint): Promise<string> {
  const { delegators: [early] } = story.cast;
  await pool.withdraw(early, exit);
  const { gmFlock } = await persist(() => balancesOf(early.chain, story.book, early.chain.address));
  const expected = (EXIT * 9n) / 10n;
  verify(gmFlock === expected, `early's exit paid ${gmFlock} base units of ${expected}`);
  story.printer.line(`early's exit was paid after its unbonding: ${tokens(gmFlock)} gmFLOCK, slashed by a tenth like what stayed`);
  return gmFlock.toString();
}

/** All balances, three ways where all three keep an account; throws by name where one differs after everything is final. */
async function compared(story: Story, pool: Pool, stakesCase: KeepersCase): Promise<Balance[]> {
  const { printer, cast: { operator } } = story;
  const balances = await persist(async () => {
    const all = [...(await poolBalances(story, pool, stakesCase)), ...(await rewardBalances(story))];
    verify(differences(all) === '', differences(all));
    return all;
  });
  const payouts = await operator.client(ChainService, 'staking-indexer').getPayoutState({});
  verify(!payouts.frozen, `payouts are frozen: ${payouts.reason}`);
  showBalances(printer, balances);
  printer.line(`${balances.length} balances, ${balances.filter(({ billing }) => billing !== undefined).length} of them in billing's statements too: all equal to the last unit`);
  return balances;
}

/** 10. A pool's life: delegation early and late, rewards between and after, a case with its window, an exit; then all balances. */
export const delegation: Chapter = {
  number: 10,
  title: 'Delegation',
  moments: ['rewards of the pool', 'notice', 'exit'],
  async play(story) {
    const { moments } = story;
    const pool = await openPool(story);
    const stakesCase = new KeepersCase(story);
    await stakesCase.stake();
    moments.reach(10, 'rewards of the pool');
    const claimable = await rewardsArrive(story, pool);
    const claimed = await earlyClaims(story, pool, claimable.early);
    moments.reach(10, 'notice');
    const exit = await noticed(story, pool, stakesCase);
    const slash = await slashed(story, stakesCase);
    moments.reach(10, 'exit');
    const paidOut = await withdrawn(story, pool, exit);
    const balances = await compared(story, pool, stakesCase);
    story.report.delegation = { sigmaPpm: SIGMA, claimable, claimed, slash, exit: paidOut, balances: reported(balances) };
  },
};
