import type { BlockRef, ChainFact, Fact } from '../src/domain/facts.js';
import type { BlocksReverted, ChainStarted, CursorMoved, FactFinalised, FactObserved, FactsFinalised } from '../src/domain/chain/chain.events.js';

/** Block `number` on a branch of the chain: branches have other hashes. */
export const blockOf = (number: number, branch = 'a'): BlockRef => ({ number, hash: `0x${branch}${number}` });

export const stakedFact = (amount: bigint, wallet = 'eip155:31337:0xw1', balance = amount): Fact => ({
  kind: 'staked',
  taskId: 'task-1',
  role: 'node',
  wallet,
  amount,
  balance,
});

/** A fact in a block; its transaction is named by `tx`. */
export const factIn = (block: BlockRef, tx: string, logIndex = 0, fact: Fact = stakedFact(10n), ordinal = 0): ChainFact => ({
  blockNumber: block.number,
  blockHash: block.hash,
  logIndex,
  txHash: `0x${tx}`,
  ordinal,
  fact,
});

export const started = (cursor = blockOf(0)): ChainStarted => ({
  type: 'skein.staking.chain.started.v1',
  data: { chainId: 31337, genesis: blockOf(0), cursor },
});
export const observed = (data: ChainFact): FactObserved => ({ type: 'skein.staking.fact.observed.v1', data });
export const finalised = (fact: ChainFact, asOf: BlockRef): FactFinalised => ({
  type: 'skein.staking.fact.finalised.v1',
  data: { ...fact, asOf },
});
export const finalisedAtOnce = (facts: readonly ChainFact[], asOf: BlockRef): FactsFinalised => ({
  type: 'skein.staking.facts.finalised.v1',
  data: { facts, asOf },
});
export const moved = (cursor: BlockRef, final: BlockRef): CursorMoved => ({
  type: 'skein.staking.cursor.moved.v1',
  data: { cursor, finalised: final },
});
export const reverted = (ancestor: BlockRef, ...blocks: BlockRef[]): BlocksReverted => ({
  type: 'skein.staking.blocks.reverted.v1',
  data: { ancestor, blocks },
});
