import { gmExchangeAbi, taskKey, taskStakingAbi, type AddressBook } from '@skein/contracts-evm';
import { encodeAbiParameters, encodeEventTopics, numberToHex, pad, type Hex } from 'viem';
import { expect, test } from 'vitest';
import { mayHold } from './bloom.js';
import { decodeFact, factTopics } from './decode-log.js';
import { JsonRpc, RpcError, type RpcCall } from './json-rpc.js';
import { RpcChainSource } from './rpc-chain-source.js';

const address = (digit: string): Hex => `0x${digit.repeat(40)}`;
const book: AddressBook = {
  chainId: 31337,
  flock: address('1'),
  gmFlock: address('2'),
  gmExchange: address('3'),
  taskStaking: address('4'),
  fromBlock: 1n,
};
const wallet = address('a');
const TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';

const stakedLog = (logIndex: number, at: { block?: string; address?: Hex } = {}) => ({
  address: at.address ?? book.taskStaking,
  topics: encodeEventTopics({ abi: taskStakingAbi, eventName: 'Staked', args: { task: taskKey(TASK), role: 1, wallet } }) as Hex[],
  data: encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [5n, 9n]),
  blockNumber: '0x7' as Hex,
  blockHash: pad(`0x${at.block ?? '7'}`),
  transactionHash: pad('0xbeef'),
  logIndex: numberToHex(logIndex),
});

/** An endpoint that answers from a table. */
class FakeRpc extends JsonRpc {
  readonly answers: Record<string, unknown>;
  constructor(answers: Record<string, unknown>) {
    super('http://nowhere');
    this.answers = answers;
  }
  override async batch<T>(calls: readonly RpcCall[]): Promise<T[]> {
    return calls.map(([method]) => {
      const answer = this.answers[method];
      if (answer instanceof Error) throw answer;
      return answer as T;
    });
  }
}

const sourceOf = (answers: Record<string, unknown>, depth?: number): RpcChainSource => new RpcChainSource(new FakeRpc(answers), book, depth);

test('a fact’s ordinal is its place in the transaction, counting the logs of others', async () => {
  const others = stakedLog(4, { address: address('9') });
  const logs = [stakedLog(6), stakedLog(5)];
  const receipt = { blockHash: logs[0]!.blockHash, logs: [others, stakedLog(5), stakedLog(6)] };
  const facts = await sourceOf({ eth_getLogs: logs, eth_getTransactionReceipt: receipt }).facts(1, 9);
  expect(facts.map(({ logIndex, ordinal }) => [logIndex, ordinal])).toEqual([
    [5, 1],
    [6, 2],
  ]);
  expect(facts[0]).toMatchObject({
    blockNumber: 7,
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
      return calls.map(([, at]) => ({ number: at === 'latest' ? '0x64' : at, hash: '0x1', parentHash: '0x0', logsBloom: bloom }) as T);
    }
  }
  const heads = await new RpcChainSource(new Blocks({}), book, 15).heads();
  expect([heads.latest.number, heads.safe.number, heads.finalised.number]).toEqual([100, 92, 85]);
  expect(asked).toEqual(['latest', '0x5c', '0x55']);
});

test('all six facts are read; other logs of the contracts are none', () => {
  expect(factTopics).toHaveLength(6);
  const redeemed = encodeEventTopics({ abi: gmExchangeAbi, eventName: 'Redeemed', args: { lockId: 3n, owner: wallet } }) as Hex[];
  const words = [1n, 2n, 3n, 4n, 5n];
  const data = encodeAbiParameters(words.map(() => ({ type: 'uint256' })), words);
  expect(decodeFact(31337, { topics: redeemed, data })).toEqual({
    kind: 'redeemed',
    lockId: 3n,
    wallet: `eip155:31337:${wallet}`,
    gm: 1n,
    paid: 2n,
    fee: 3n,
    gmRemaining: 4n,
    amountRemaining: 5n,
  });
  const parameters = encodeEventTopics({ abi: gmExchangeAbi, eventName: 'ParametersChanged' }) as Hex[];
  expect(() => decodeFact(31337, { topics: parameters, data: '0x' })).toThrow();
});

test('an empty bloom filter rules everything out, a full one nothing', () => {
  expect(mayHold(`0x${'00'.repeat(256)}`, [book.taskStaking], factTopics)).toBe(false);
  expect(mayHold(`0x${'ff'.repeat(256)}`, [book.taskStaking], factTopics)).toBe(true);
});
