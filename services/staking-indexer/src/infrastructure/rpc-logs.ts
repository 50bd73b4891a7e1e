import { numberToHex, type Hex } from 'viem';
import { ChainTrouble, RangeRefused } from '../application/chain-trouble.js';
import { RpcError, type JsonRpc, type RpcCall } from './json-rpc.js';
import { blockOf, logsOf, receiptOf, type RpcLog, type RpcReceipt } from './rpc-shapes.js';

/** Logs of one answer above which a smaller range is asked for. */
const LOGS_MAX = 5_000;
const RECEIPTS_PER_CALL = 100;
const HEADERS_PER_CALL = 200;
/** Of one receipt. Whoever fills a transaction with logs of no meaning beside one of ours must not stop the chain: 16.7 million gas make 45 000 of them. */
const RECEIPT_BYTES_MAX = 64 * 1024 * 1024;

const tooLarge = (error: unknown): boolean => error instanceof ChainTrouble && error.rule === 'answer-too-large';

/** Logs of a range of blocks by place; `RangeRefused` where that is too much for one answer. */
export async function readLogs(rpc: JsonRpc, from: number, to: number, addresses: readonly (readonly Hex[])[], topics: readonly Hex[]): Promise<RpcLog[]> {
  const range = { fromBlock: numberToHex(from), toBlock: numberToHex(to), topics: [topics] };
  try {
    const answers = await rpc.batch(addresses.map((address): RpcCall => ['eth_getLogs', { ...range, address }]));
    const logs = answers.flatMap(logsOf).sort(byPlace);
    if (logs.length > LOGS_MAX && from < to) throw new RangeRefused(`${logs.length} logs in blocks ${from} to ${to}`);
    return logs;
  } catch (error) {
    // Endpoints word "too many results" and "range too wide" in many ways; a smaller range is right for each of them.
    if (error instanceof RpcError) throw new RangeRefused(error.message);
    if (tooLarge(error)) throw new RangeRefused((error as ChainTrouble).message, 'answer-too-large');
    throw error;
  }
}

const byPlace = (a: RpcLog, b: RpcLog): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex;

/** Receipts by transaction. An answer that is too large is asked for in halves, one receipt's is given more room. */
export async function readReceipts(rpc: JsonRpc, hashes: readonly Hex[], perCall = RECEIPTS_PER_CALL): Promise<Map<Hex, RpcReceipt>> {
  const receipts = new Map<Hex, RpcReceipt>();
  for (let at = 0; at < hashes.length; at += perCall) {
    const some = hashes.slice(at, at + perCall);
    const answers = await rpc.batch(some.map((hash): RpcCall => ['eth_getTransactionReceipt', hash])).catch(async (error: unknown) => {
      if (!tooLarge(error)) throw error;
      if (some.length === 1) return rpc.batch([['eth_getTransactionReceipt', ...some]], RECEIPT_BYTES_MAX);
      return readReceipts(rpc, some, Math.ceil(some.length / 2));
    });
    if (answers instanceof Map) for (const [hash, receipt] of answers) receipts.set(hash, receipt);
    else some.forEach((hash, place) => {
      const receipt = receiptOf(answers[place]);
      if (receipt !== undefined) receipts.set(hash, receipt);
    });
  }
  return receipts;
}

/** Place of each log within its transaction. */
export function ordinalIn(receipt: RpcReceipt, log: RpcLog): number {
  const ordinal = receipt.blockHash === log.blockHash ? receipt.logs.findIndex((other) => other.logIndex === log.logIndex) : -1;
  if (ordinal < 0) throw new RangeRefused(`transaction ${log.transactionHash} moved while it was read`, 'block-changed');
  return ordinal;
}

/** Times of the logs' blocks: most endpoints say them with the log, the others are asked. */
export async function blockTimes(rpc: JsonRpc, logs: readonly RpcLog[]): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const { blockNumber, blockTime } of logs) if (blockTime !== undefined) times.set(blockNumber, blockTime);
  const missing = [...new Set(logs.map(({ blockNumber }) => blockNumber))].filter((number) => !times.has(number));
  for (let at = 0; at < missing.length; at += HEADERS_PER_CALL) {
    const some = missing.slice(at, at + HEADERS_PER_CALL);
    const answers = await rpc.batch(some.map((number): RpcCall => ['eth_getBlockByNumber', numberToHex(number), false]));
    some.forEach((number, place) => {
      const block = blockOf(answers[place]);
      if (block === undefined) throw new RangeRefused(`block ${number} went away while it was read`, 'missing-block');
      times.set(number, block.time);
    });
  }
  return times;
}
