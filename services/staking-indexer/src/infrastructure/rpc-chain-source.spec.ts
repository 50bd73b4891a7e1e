import { CONTRACT_NAMES, delegationPoolAbi, poolManagerAbi, taskKey, taskStakingAbi, type AddressBook, type ContractName } from '@skein/contracts-evm';
import { encodeAbiParameters, encodeEventTopics, keccak256, numberToHex, pad, type Hex } from 'viem';
import { expect, test } from 'vitest';
import { ChainTrouble } from '../application/chain-trouble.js';
import { mayHold } from './bloom.js';
import { factTopics } from './decode-log.js';
import { JsonRpc, RpcError, type RpcCall } from './json-rpc.js';
import { RpcChainSource } from './rpc-chain-source.js';

const address = (digit: string): Hex => `0x${digit.repeat(40)}`;
const addresses = Object.fromEntries(CONTRACT_NAMES.map((name, at) => [name, address((at + 1).toString(16))])) as Record<ContractName, Hex>;
const book: AddressBook = { chainId: 31337, ...addresses, fromBlock: 1n };
const wallet = address('d');
const TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';

const stakedLog = (logIndex: number, at: { block?: string; address?: Hex } = {}) => ({
  address: at.address ?? book.taskStaking,
  topics: encodeEventTopics({ abi: taskStakingAbi, eventName: 'Staked', args: { task: taskKey(TASK), role: 1, wallet } }) as Hex[],
  data: encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [5n, 9n]),
  blockNumber: '0x7' as Hex,
  blockHash: pad(`0x${at.block ?? '7'}`),
  transactionHash: pad('0xbeef'),
  logIndex: numberToHex(logIndex),
  blockTimestamp: '0x64',
});

/** An endpoint that answers from a table. */
class FakeRpc extends JsonRpc {
  readonly answers: Record<string, unknown>;
  constructor(answers: Record<string, unknown>) {
    super('http://nowhere');
    this.answers = answers;
  }
  override async batch<T>(calls: readonly RpcCall[]): Promise<T[]> {
    return calls.map(([method, ...params]) => {
      let answer = this.answers[method];
      if (typeof answer === 'function') answer = (answer as (call: RpcCall) => unknown)([method, ...params]);
      if (answer instanceof Error) throw answer;
      return answer as T;
    });
  }
}

const sourceOf = (answers: Record<string, unknown>, depth?: number): RpcChainSource => new RpcChainSource(new FakeRpc(answers), book, depth);

test('a fact’s ordinal is its place in the transaction, counting the logs of others', async () => {
  const others = stakedLog(4, { address: address('e') });
  const logs = [stakedLog(6), stakedLog(5)];
  const receipt = { blockHash: logs[0]!.blockHash, logs: [others, stakedLog(5), stakedLog(6)] };
  const facts = await sourceOf({ eth_getLogs: logs, eth_getTransactionReceipt: receipt }).facts(1, 9);
  expect(facts.map(({ logIndex, ordinal }) => [logIndex, ordinal])).toEqual([
    [5, 1],
    [6, 2],
  ]);
  expect(facts[0]).toMatchObject({
    blockNumber: 7,
    blockTimeMs: 100_000,
    fact: { kind: 'staked', taskId: TASK, role: 'validator', wallet: `eip155:31337:${wallet}`, amount: 5n, balance: 9n },
  });
});

test('an answer that lacks a log of a transaction, or changed meanwhile, is refused', async () => {
  const logs = [stakedLog(5)];
  const whole = { blockHash: logs[0]!.blockHash, logs: [stakedLog(5), stakedLog(6)] };
  await expect(sourceOf({ eth_getLogs: logs, eth_getTransactionReceipt: whole }).facts(1, 9)).rejects.toThrow('its receipt has 2');
  await expect(sourceOf({ eth_getLogs: logs, eth_getTransactionReceipt: null }).facts(1, 9)).rejects.toThrow('its receipt has none');
  const elsewhere = { blockHash: pad('0x8'), logs: [stakedLog(5)] };
  await expect(sourceOf({ eth_getLogs: logs, eth_getTransactionReceipt: elsewhere }).facts(1, 9)).rejects.toThrow('moved while');
});

test('a refused range is a range to be halved; an endpoint that is down is not', async () => {
  const limit = new RpcError('eth_getLogs', -32005, 'query returned more than 10000 results');
  await expect(sourceOf({ eth_getLogs: limit }).facts(1, 9)).rejects.toMatchObject({ name: 'RangeRefused' });
  await expect(sourceOf({ eth_getLogs: new Error('fetch failed') }).facts(1, 9)).rejects.toMatchObject({ name: 'Error' });
});

test('what lies before the contracts is not asked for', async () => {
  const ranges: unknown[] = [];
  const eth_getLogs = ([, filter]: RpcCall) => (ranges.push(filter), []);
  const source = new RpcChainSource(new FakeRpc({ eth_getLogs }), { ...book, fromBlock: 100n });
  expect([await source.facts(1, 99), ranges]).toEqual([[], []]);
  expect(await source.facts(1, 120)).toEqual([]);
  expect(ranges).toMatchObject([{ fromBlock: '0x64', toBlock: '0x78' }]);
});

test('a receipt that others have filled with logs is given room, one answer for it alone', async () => {
  const receipt = { blockHash: stakedLog(5).blockHash, logs: [stakedLog(5)] };
  const room: (number | undefined)[] = [];
  class Filled extends FakeRpc {
    override async batch<T>(calls: readonly RpcCall[], bytesMax?: number): Promise<T[]> {
      if (calls[0]?.[0] === 'eth_getTransactionReceipt') room.push(bytesMax);
      if (calls[0]?.[0] === 'eth_getTransactionReceipt' && bytesMax === undefined) throw new ChainTrouble('answer-too-large', 'more than 8388608 bytes');
      return super.batch(calls);
    }
  }
  const logs = [stakedLog(5), { ...stakedLog(5), transactionHash: pad('0xfeed') }];
  const facts = await new RpcChainSource(new Filled({ eth_getLogs: logs, eth_getTransactionReceipt: receipt }), book).facts(1, 9);
  expect([facts.length, room]).toEqual([2, [undefined, undefined, 67_108_864, undefined, 67_108_864]]);
});

test('a state that is no longer kept is no total', async () => {
  const gone = new RpcError('eth_call', -32000, 'missing trie node');
  expect(await sourceOf({ eth_call: gone }).totalStaked({ number: 1, hash: '' })).toBeUndefined();
  expect(await sourceOf({ eth_call: pad('0x2a') }).totalStaked({ number: 1, hash: '' })).toBe(42n);
  await expect(sourceOf({ eth_call: new Error('down') }).totalStaked({ number: 1, hash: '' })).rejects.toThrow('down');
});

test('a chain without the tags has its heads by depth', async () => {
  const bloom: Hex = `0x${'00'.repeat(256)}`;
  const asked: unknown[] = [];
  class Blocks extends FakeRpc {
    override async batch<T>(calls: readonly RpcCall[]): Promise<T[]> {
      asked.push(...calls.map(([, at]) => at));
      return calls.map(([, at]) => ({ number: at === 'latest' ? '0x64' : at, hash: pad('0x1'), parentHash: pad('0x0'), logsBloom: bloom, timestamp: '0x1' }) as T);
    }
  }
  const heads = await new RpcChainSource(new Blocks({}), book, 15).heads();
  expect([heads.latest.number, heads.safe.number, heads.finalised.number]).toEqual([100, 92, 85]);
  expect(asked).toEqual(['latest', '0x5c', '0x55']);
});

const POOL = address('f');
const created = () => ({
  ...stakedLog(2, { address: book.poolManager }),
  topics: encodeEventTopics({ abi: poolManagerAbi, eventName: 'PoolCreated', args: { owner: wallet, pool: POOL } }) as Hex[],
  data: encodeAbiParameters([{ type: 'uint32' }], [400_000]),
});
const claimed = (logIndex: number) => ({
  ...stakedLog(logIndex, { address: POOL }),
  topics: encodeEventTopics({ abi: delegationPoolAbi, eventName: 'Claimed', args: { delegator: wallet } }) as Hex[],
  data: encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [5n, 1n]),
});

test('a pool is followed from its first log on, also within the range and the transaction that announce it', async () => {
  const asked: (readonly string[])[] = [];
  const eth_getLogs = ([, filter]: RpcCall) => {
    const wanted = (filter as { address: readonly string[] }).address;
    asked.push(wanted);
    return [created(), claimed(3)].filter((log) => wanted.includes(log.address));
  };
  const receipt = { blockHash: created().blockHash, logs: [created(), claimed(3)] };
  const source = sourceOf({ eth_getLogs, eth_getTransactionReceipt: receipt });
  const facts = await source.facts(1, 9);
  expect(facts.map(({ fact, logIndex }) => [fact.kind, logIndex])).toEqual([
    ['pool-created', 2],
    ['pool-claimed', 3],
  ]);
  expect(asked.map((wanted) => wanted.includes(POOL))).toEqual([false, true]);
  // From then on by the same question as all else; and after a restart, once it is told.
  expect((await source.facts(1, 9)).length).toBe(2);
  expect(asked).toHaveLength(3);
  const restarted = sourceOf({ eth_getLogs, eth_getTransactionReceipt: { ...receipt, logs: [claimed(3)] } });
  restarted.follow([POOL]);
  asked.length = 0;
  await restarted.facts(1, 9).catch(() => undefined);
  expect(asked.map((wanted) => wanted.includes(POOL))).toEqual([true]);
});

test('more pools than one filter takes are asked for in several', async () => {
  const filters: unknown[] = [];
  const source = sourceOf({ eth_getLogs: ([, filter]: RpcCall) => (filters.push(filter), []) });
  source.follow(Array.from({ length: 1_200 }, (_, at) => pad(numberToHex(at + 1_000), { size: 20 })));
  expect(await source.facts(1, 9)).toEqual([]);
  expect(filters.map((filter) => (filter as { address: unknown[] }).address.length)).toEqual([500, 500, 208]);
});

test('block times are asked for where the logs lack them', async () => {
  const { blockTimestamp: _time, ...log } = stakedLog(5);
  const block = { number: '0x7', hash: log.blockHash, parentHash: pad('0x6'), logsBloom: `0x${'00'.repeat(256)}`, timestamp: '0x65' };
  const facts = await sourceOf({ eth_getLogs: [log], eth_getTransactionReceipt: { blockHash: log.blockHash, logs: [log] }, eth_getBlockByNumber: block }).facts(1, 9);
  expect(facts[0]!.blockTimeMs).toBe(101_000);
});

test('codes are hashes; no code is none', async () => {
  const codes = await sourceOf({ eth_getCode: ([, at]: RpcCall) => (at === book.emission ? '0x' : '0x60') }).codes({ number: 1, hash: '' });
  expect([codes?.[book.emission], codes?.[book.taskStaking], Object.keys(codes!).length]).toEqual(['', keccak256('0x60'), 8]);
});

test('an empty bloom filter rules everything out, a full one nothing', () => {
  expect(mayHold(`0x${'00'.repeat(256)}`, [book.taskStaking], factTopics)).toBe(false);
  expect(mayHold(`0x${'ff'.repeat(256)}`, [book.taskStaking], factTopics)).toBe(true);
});
