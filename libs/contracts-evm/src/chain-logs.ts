import { formatLog, numberToHex, type Address, type Hex, type Log, type PublicClient } from 'viem';
import { ChainRefusal } from './chain-refusal.js';

/** Blocks of one question where an endpoint refuses the whole range. */
const RANGE_BLOCKS = 2_000n;
const RANGE_BLOCKS_MIN = 16n;

/** Which logs: of these contracts, with these topics by place (one, any of several, or whatever). */
export interface LogFilter {
  readonly address: readonly Address[];
  readonly topics: (Hex | Hex[] | null)[];
}

async function ask(reader: PublicClient, { address, topics }: LogFilter, from: bigint, to: bigint): Promise<Log[]> {
  const filter = { address: [...address], topics, fromBlock: numberToHex(from), toBlock: numberToHex(to) };
  return (await reader.request({ method: 'eth_getLogs', params: [filter] })).map((log) => formatLog(log));
}

/**
 * Logs of the blocks `from` to `to`, in one question or, where the endpoint refuses that, in as many as it takes, the newest
 * blocks first. With `enough`, older blocks are not asked for once that many were found.
 */
export async function logsOf(reader: PublicClient, filter: LogFilter, from: bigint, to: bigint, enough = Infinity): Promise<Log[]> {
  const whole = await ask(reader, filter, from, to).catch(() => undefined);
  if (whole !== undefined) return whole;
  const found: Log[] = [];
  let span = RANGE_BLOCKS;
  for (let last = to; last >= from && found.length < enough; ) {
    const first = last - span + 1n > from ? last - span + 1n : from;
    try {
      found.unshift(...(await ask(reader, filter, first, last)));
      last = first - 1n;
    } catch (error) {
      if (span <= RANGE_BLOCKS_MIN) throw new ChainRefusal('no-logs', `the endpoint gives no logs of blocks ${first} to ${last}`, { cause: error });
      span /= 2n;
    }
  }
  return found;
}
