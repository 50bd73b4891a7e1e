import { numberToHex, type Hex } from 'viem';
import { BlockRange } from '../application/block-range.js';
import { ChainTrouble, RangeRefused } from '../application/chain-trouble.js';
import { RpcError, type JsonRpc } from './json-rpc.js';
import { logsOf, type RpcLog } from './rpc-shapes.js';

/** Logs of one contract with these topics by place; null: whatever. */
export interface LogFilter {
  readonly address: Hex;
  readonly topics: readonly (Hex | readonly Hex[] | null)[];
}

const byPlace = (a: RpcLog, b: RpcLog): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;

/** Logs of the blocks `from` to `to` in the chain's order; undefined where that is too much for the endpoint, in whatever words it says so. */
async function askedFor(rpc: JsonRpc, { address, topics }: LogFilter, from: number, to: number): Promise<RpcLog[] | undefined> {
  try {
    const answer = await rpc.call<unknown>('eth_getLogs', { address, topics, fromBlock: numberToHex(from), toBlock: numberToHex(to) });
    return logsOf(answer).sort(byPlace);
  } catch (error) {
    if (error instanceof RpcError || (error instanceof ChainTrouble && error.rule === 'answer-too-large')) return undefined;
    throw error;
  }
}

/**
 * The newest logs of the blocks `from` to `to`: in one question or, where the endpoint refuses that, in as many as it takes, the
 * newest blocks first. Nothing older is asked for once something was found.
 */
export async function newestLogs(rpc: JsonRpc, filter: LogFilter, from: number, to: number): Promise<RpcLog[]> {
  const range = new BlockRange(Math.max(1, to - from + 1), Math.max(1, to - from + 1));
  for (let last = to; last >= from; ) {
    const first = Math.max(from, last - range.span + 1);
    const logs = await askedFor(rpc, filter, first, last);
    if (logs === undefined) {
      if (!range.shrink()) throw new RangeRefused(`${rpc.name} gives no logs of block ${last}`);
      continue;
    }
    if (logs.length > 0) return logs;
    range.grow();
    last = first - 1;
  }
  return [];
}

/** Logs of one block, in the chain's order. */
export async function logsIn(rpc: JsonRpc, filter: LogFilter, block: number): Promise<RpcLog[]> {
  const logs = await askedFor(rpc, filter, block, block);
  if (logs === undefined) throw new RangeRefused(`${rpc.name} gives no logs of block ${block}`);
  return logs;
}
