import { delegationPoolAbi, ensureLock, ensureMinted, gmFlockAbi, poolManagerAbi } from '@skein/contracts-evm';
import type { Address } from 'viem';
import type { Actor } from '../actor.js';
import { persist } from '../persist.js';
import { verify, type Story } from '../story.js';
import { read, refusal, send, type Call } from './contracts.js';

export const UNIT = 10n ** 18n;
/** The part of the reward on delegated stake that the pool's owner keeps, in millionths. */
export const SIGMA = 250_000;
/** Up to 30 days a locked FLOCK is one gmFLOCK. */
const LOCK_SECONDS = 30n * 86_400n;

/** What everybody of the pool holds, in gmFLOCK. */
export const HOLDINGS = { keeper: 2_000n * UNIT, early: 1_000n * UNIT, late: 3_000n * UNIT } as const;
/** What the early delegator asks to have back. */
export const EXIT = 400n * UNIT;

/** A delegation pool, and what is done with it. Everything may be repeated: what is there already is left as it is. */
export class Pool {
  readonly address: Address;
  private readonly story: Story;

  constructor(story: Story, address: Address) {
    this.story = story;
    this.address = address;
  }

  call(functionName: string, ...args: readonly unknown[]): Call {
    return { address: this.address, abi: delegationPoolAbi, functionName, args };
  }

  read<T>(functionName: string, ...args: readonly unknown[]): Promise<T> {
    return read<T>(this.story.cast.keeper.chain, this.call(functionName, ...args));
  }

  /** Delegates, once. */
  async delegate({ chain }: Actor, amount: bigint): Promise<void> {
    const gmFlock = { address: this.story.book.gmFlock, abi: gmFlockAbi } as const;
    await persist(async () => {
      if ((await this.read<bigint>('delegatedAt', chain.address)) > 0n) return;
      if ((await read<bigint>(chain, { ...gmFlock, functionName: 'allowance', args: [chain.address, this.address] })) < amount)
        await send(chain, { ...gmFlock, functionName: 'approve', args: [this.address, amount] });
      await send(chain, this.call('delegate', amount));
    });
  }

  /** Waits until a delegation counts: three reward epochs after the one it was asked for in, or once that one is funded. */
  async untilItCounts({ name, chain }: Actor): Promise<void> {
    await persist(async () => {
      const [shares] = await this.read<readonly [bigint, bigint]>('accountOf', chain.address);
      verify(shares > 0n, `the delegation of ${name} does not count yet`);
    });
  }

  /** Takes a delegator's rewards, once; what the wallet got is left of them after the fee. */
  async claim({ chain }: Actor): Promise<void> {
    await persist(async () => {
      if ((await this.read<bigint>('claimable', chain.address)) > 0n) await send(chain, this.call('claim'));
    });
  }

  /** Asks for a part of a delegation back, once; the exit's number. */
  async askOut({ chain }: Actor, amount: bigint): Promise<bigint> {
    return persist(async () => {
      const asked = await this.read<bigint>('exitCount');
      if (asked > 0n) return asked;
      await send(chain, this.call('undelegate', amount));
      return this.read<bigint>('exitCount');
    });
  }

  /** The custom error by which the contract refuses to pay the exit now. */
  refusedWithdrawal({ chain }: Actor, exit: bigint): Promise<string | undefined> {
    return persist(() => refusal(chain, this.call('withdraw', exit)));
  }

  /** Takes an exit's gmFLOCK once its time has come. */
  async withdraw({ chain }: Actor, exit: bigint): Promise<void> {
    await persist(async () => {
      const { delegator } = await this.read<{ delegator: Address }>('exitOf', exit);
      if (BigInt(delegator) !== 0n) await send(chain, this.call('withdraw', exit));
    });
  }
}

/** The keeper's pool; throws while there is none. */
export async function poolOf(story: Story): Promise<Pool> {
  const { keeper } = story.cast;
  const address = await read<Address>(keeper.chain, { address: story.book.poolManager, abi: poolManagerAbi, functionName: 'poolOf', args: [keeper.chain.address] });
  verify(BigInt(address) !== 0n, 'the keeper has no pool');
  return new Pool(story, address.toLowerCase() as Address);
}

/** Everybody of the pool locks FLOCK, the keeper opens it, and the early one delegates: the late one comes when rewards have come. */
export async function openPool(story: Story): Promise<Pool> {
  const { deployer, keeper, delegators: [early, late] } = story.cast;
  const wanted = [[keeper, HOLDINGS.keeper], [early, HOLDINGS.early], [late, HOLDINGS.late]] as const;
  for (const [{ chain }, amount] of wanted) await persist(() => ensureMinted(deployer.chain, story.book, chain.address, amount));
  await Promise.all(wanted.map(([{ chain }, amount]) => persist(() => ensureLock(chain, story.book, { amount, lockSeconds: LOCK_SECONDS }))));
  const pool = await persist(async () => {
    try {
      return await poolOf(story);
    } catch {
      await send(keeper.chain, { address: story.book.poolManager, abi: poolManagerAbi, functionName: 'createPool', args: [SIGMA] });
      return poolOf(story);
    }
  });
  await pool.delegate(early, HOLDINGS.early);
  story.printer.line(`keeper opened a delegation pool with σ = ${SIGMA / 10_000} %; early delegated ${HOLDINGS.early / UNIT} gmFLOCK`);
  return pool;
}
