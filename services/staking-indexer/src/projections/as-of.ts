import { RejectionError } from '@skein/kernel';
import { epochAt, type ChainTimes } from '../application/chain-times.js';
import type { BlockRef } from '../domain/facts.js';
import type { AsOf, Extent, StakingQueries } from './staking.queries.js';

/** What a request says about when. */
export interface AsOfRequest {
  readonly asOfBlock?: bigint;
  readonly asOfTimeMs?: bigint;
}

/** When an answer is as of, for queries and for whoever asked. */
export interface ResolvedAsOf extends AsOf {
  /** With a hash only where it is the last final block; undefined before the first. */
  readonly ref: BlockRef | undefined;
}

const refusal = (rule: string, message: string, field: string): RejectionError =>
  new RejectionError({ code: 'failed-precondition', rule, message, field });

/**
 * Finds the block: a number must be final; a time means the last block with a fact until then, which is as exact, for nothing
 * changes between facts. What counts by time alone is reckoned at that block's time, or at the time that was asked for.
 */
export async function resolveAsOf(queries: StakingQueries, times: ChainTimes, extent: Extent | undefined, request: AsOfRequest): Promise<ResolvedAsOf> {
  const { asOfBlock = 0n, asOfTimeMs = 0n } = request;
  if (asOfBlock > 0n && asOfTimeMs > 0n) throw refusal('one-moment', 'a block and a time are two moments', 'as_of_time_ms');
  const final = extent?.finalised;
  if (asOfTimeMs > 0n) return atTime(queries, times, Number(asOfTimeMs), extent);
  if (asOfBlock === 0n) return { ref: final, epoch: final && (await epochOf(queries, times, final.number)) };
  const block = Number(asOfBlock);
  if (final === undefined || block > final.number) throw refusal('not-final', `block ${block} is not final`, 'as_of_block');
  return { block, ref: block === final.number ? final : { number: block, hash: '' }, epoch: await epochOf(queries, times, block) };
}

async function atTime(queries: StakingQueries, times: ChainTimes, timeMs: number, extent: Extent | undefined): Promise<ResolvedAsOf> {
  const final = extent?.finalised;
  const until = final && ((await times.timeOf(final.number)) ?? (await queries.timeAt(final.number)));
  if (until === undefined || timeMs > until) throw refusal('not-final', `the chain is not final until ${new Date(timeMs).toISOString()}`, 'as_of_time_ms');
  const block = (await queries.blockAt(timeMs)) ?? extent!.genesis;
  const clock = await times.clock();
  return { block, ref: { number: block, hash: '' }, ...(clock === undefined ? {} : { epoch: epochAt(clock, timeMs) }) };
}

async function epochOf(queries: StakingQueries, times: ChainTimes, block: number): Promise<number | undefined> {
  const clock = await times.clock();
  const timeMs = clock && ((await times.timeOf(block)) ?? (await queries.timeAt(block)));
  return clock === undefined || timeMs === undefined ? undefined : epochAt(clock, timeMs);
}
