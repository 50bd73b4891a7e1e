import { ensureLock, ensureMinted } from '@skein/contracts-evm';
import { StakingService } from '@skein/contracts/staking';
import { persist } from '../persist.js';
import { verify, type Chapter, type Story } from '../story.js';
import type { Actor } from '../actor.js';

const FLOCK = 10n ** 18n;
/** More than 30 days, so that gmFLOCK is more than the FLOCK behind it; no lock ends within the story. */
const LOCK_SECONDS = 90n * 86_400n;

/** What each wallet locks, in FLOCK. Unequal, so that draws and shares by stake show. */
const LOCKS: readonly [cast: (story: Story) => readonly Actor[], flock: (index: number) => bigint][] = [
  [({ cast }) => cast.trainers, (index) => BigInt(3_000 + 500 * index)],
  [({ cast }) => cast.validators, (index) => BigInt(3_000 + 400 * index)],
  [({ cast }) => [...cast.hospitals, ...cast.laboratories, cast.saboteur], () => 1_000n],
];

const lockers = (story: Story): Actor[] => LOCKS.flatMap(([cast]) => cast(story));

async function lockAll(story: Story): Promise<bigint> {
  const wanted = LOCKS.flatMap(([cast, flock]) => cast(story).map((actor, index) => ({ actor, amount: flock(index) * FLOCK })));
  // The deployer mints one after the other (one account, one nonce); the wallets lock side by side.
  for (const { actor, amount } of wanted) await persist(() => ensureMinted(story.cast.deployer.chain, story.book, actor.chain.address, amount));
  const locks = await Promise.all(wanted.map(({ actor, amount }) => persist(() => ensureLock(actor.chain, story.book, { amount, lockSeconds: LOCK_SECONDS }))));
  return locks.reduce((sum, { gm }) => sum + gm, 0n);
}

/** 1. Everything is up; the wallets lock FLOCK by real transactions and the indexer has seen and finalised them. */
export const ready: Chapter = {
  number: 1,
  title: 'Ready',
  moments: ['locking'],
  async play(story) {
    const { printer, cast } = story;
    printer.line(`six services, PostgreSQL, the event log and the chain are ready after ${Math.round(story.report.readyMs)} ms with ${story.report.memoryMiBReady} MiB`);
    story.moments.reach(1, 'locking');
    const gm = await lockAll(story);
    printer.line(`18 wallets locked FLOCK for 90 days and hold ${gm / FLOCK} gmFLOCK`);
    const staking = cast.partner.client(StakingService, 'staking-indexer');
    const seen = await persist(async () => {
      const positions = await Promise.all(lockers(story).map(({ wallet }) => staking.getPosition({ wallet })));
      const finalised = positions.reduce((sum, { lockSummary }) => sum + BigInt(lockSummary?.gmFlockUnits || '0'), 0n);
      verify(finalised === gm, `the indexer has finalised ${finalised} gmFLOCK base units of ${gm}`);
      return positions;
    });
    printer.line(`staking-indexer has seen and finalised all of it at block ${seen[0]?.asOf?.number ?? 0}`);
  },
};
