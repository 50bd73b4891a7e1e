import { expect, test } from 'vitest';
import { ChainTrouble } from '../application/chain-trouble.js';
import { RpcError, type JsonRpc } from './json-rpc.js';
import { logsIn, newestLogs, type LogFilter } from './outbox-logs.js';

const filter: LogFilter = { address: `0x${'a'.repeat(40)}`, topics: [`0x${'1'.repeat(64)}`, null] };
const logAt = (block: number, index = 0) => ({
  address: filter.address, topics: filter.topics.slice(0, 1), data: '0x', blockNumber: `0x${block.toString(16)}`, blockHash: `0x${'b'.repeat(64)}`, transactionHash: `0x${'c'.repeat(64)}`,
  transactionIndex: '0x0', logIndex: `0x${index.toString(16)}`, removed: false,
});

/** An endpoint that refuses more than `spanMax` blocks in a question, in words of its own. */
function endpoint(spanMax: number, logs: readonly ReturnType<typeof logAt>[], refuse: () => Error = () => new RpcError('eth_getLogs', -32_000, 'please be modest')) {
  const asked: [number, number][] = [];
  const call = async (_method: string, { fromBlock, toBlock }: { fromBlock: string; toBlock: string }): Promise<unknown> => {
    const [from, to] = [Number(fromBlock), Number(toBlock)];
    asked.push([from, to]);
    if (to - from + 1 > spanMax) throw refuse();
    return logs.filter(({ blockNumber }) => Number(blockNumber) >= from && Number(blockNumber) <= to);
  };
  return { asked, rpc: { name: 'p', call } as unknown as JsonRpc };
}

test('an endpoint that answers everything is asked once', async () => {
  const { asked, rpc } = endpoint(1_000_000, [logAt(7, 1), logAt(7), logAt(3)]);
  expect((await newestLogs(rpc, filter, 0, 99_999)).map(({ blockNumber, logIndex }) => [blockNumber, logIndex])).toEqual([[3, 0], [7, 0], [7, 1]]);
  expect(asked).toEqual([[0, 99_999]]);
});

test.each<[string, () => Error]>([
  ['in words', () => new RpcError('eth_getLogs', -32_005, 'query returned more than 10000 results')],
  ['by its size', () => new ChainTrouble('answer-too-large', 'p answered more than 8 MB')],
])('a range that an endpoint refuses %s is split, the newest blocks first, and nothing older is asked for than what is found', async (_how, refuse) => {
  const { asked, rpc } = endpoint(500, [logAt(4_000), logAt(96_000)], refuse);
  expect((await newestLogs(rpc, filter, 0, 99_999)).map(({ blockNumber }) => blockNumber)).toEqual([96_000]);
  const answered = asked.filter(([from, to]) => to - from < 500);
  expect(answered[0]![1]).toBe(99_999);
  // Without a gap, downwards.
  for (const [at, [, to]] of answered.entries()) if (at > 0) expect(to).toBe(answered[at - 1]![0] - 1);
  expect(answered.at(-1)![0]).toBeGreaterThan(90_000);
});

test('where there is none, the first block is reached', async () => {
  const { asked, rpc } = endpoint(500, []);
  expect(await newestLogs(rpc, filter, 10, 2_000)).toEqual([]);
  expect(asked.at(-1)![0]).toBe(10);
});

test('a single block that is refused is named; what is no refusal goes through', async () => {
  await expect(newestLogs(endpoint(0, []).rpc, filter, 0, 9)).rejects.toMatchObject({ rule: 'range-refused', message: 'p gives no logs of block 9' });
  await expect(logsIn(endpoint(0, []).rpc, filter, 4)).rejects.toMatchObject({ rule: 'range-refused' });
  const gone = new ChainTrouble('endpoint-unreachable', 'p cannot be reached');
  await expect(newestLogs(endpoint(0, [], () => gone).rpc, filter, 0, 9)).rejects.toBe(gone);
});
