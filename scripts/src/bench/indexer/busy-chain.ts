import {
  flockAbi,
  gmExchangeAbi,
  gmFlockAbi,
  mined,
  mintFlock,
  openTask,
  roleNumber,
  taskKey,
  taskStakingAbi,
  type AddressBook,
  type ChainClient,
} from '@skein/contracts-evm';
import type { Anvil } from '@skein/embedded';
import { concatHex, encodeFunctionData, getContractAddress, maxUint256, numberToHex, pad, parseEther, type Hex } from 'viem';

/** What a chain holds in the end. */
export interface BusyOptions {
  readonly events: number;
  readonly blocks: number;
}

const STAKERS = 100;
const TASKS = 4;
const LOCK = parseEther('1000');
const GAS = numberToHex(25_000_000);

/*
 * A contract that repeats one call: word 0 of the calldata says how often, word 1 whom it calls, what follows is what it says. So
 * one transaction makes many real stakes, each with its own event.
 */
const INIT: Hex = '0x603480600b6000396000f3';
const RUNTIME: Hex = '0x604036038060406000376000355b8015602c576000600083600060006020355af115602e5760019003600d565b005b60006000fd';

const repeated = (times: number, to: Hex, data: Hex): Hex => concatHex([pad(numberToHex(times)), pad(to), data]);
const taskId = (task: number): string => `0192f0c1-2b3c-7def-8123-${String(task).padStart(12, '0')}`;

/** Accounts that are such contracts, with gmFLOCK that the stakes may take. */
async function makeStakers(admin: ChainClient, book: AddressBook): Promise<Hex[]> {
  const stakers: Hex[] = [];
  for (let at = 0; at < STAKERS; at += 1) {
    const nonce = BigInt(await admin.reader.getTransactionCount({ address: admin.address }));
    const staker = getContractAddress({ from: admin.address, nonce });
    await mined(admin, await admin.wallet.sendTransaction({ data: concatHex([INIT, RUNTIME]) }));
    await mintFlock(admin, book, staker, LOCK);
    const calls: [Hex, Hex][] = [
      [book.flock, encodeFunctionData({ abi: flockAbi, functionName: 'approve', args: [book.gmExchange, maxUint256] })],
      [book.gmExchange, encodeFunctionData({ abi: gmExchangeAbi, functionName: 'lock', args: [LOCK, 0n] })],
      [book.gmFlock, encodeFunctionData({ abi: gmFlockAbi, functionName: 'approve', args: [book.taskStaking, maxUint256] })],
    ];
    for (const [to, data] of calls) await mined(admin, await admin.wallet.sendTransaction({ to: staker, data: repeated(1, to, data) }));
    stakers.push(staker);
  }
  return stakers;
}

async function ask(anvil: Anvil, calls: readonly (readonly [method: string, ...params: unknown[]])[]): Promise<unknown[]> {
  const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
  const response = await fetch(anvil.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answers = (await response.json()) as { id: number; result?: unknown; error?: { message: string } }[];
  return answers.toSorted((a, b) => a.id - b.id).map(({ result, error }) => {
    if (error !== undefined) throw new Error(error.message);
    return result;
  });
}

/** Fills `blocks` blocks with `events` stakes, one transaction each. */
export async function fillChain(anvil: Anvil, admin: ChainClient, book: AddressBook, { events, blocks }: BusyOptions): Promise<void> {
  const { timestamp } = await admin.reader.getBlock();
  for (let task = 0; task < TASKS; task += 1) await openTask(admin, book, taskId(task), (Number(timestamp) + 300 * 86_400) * 1_000);
  const stakers = await makeStakers(admin, book);
  const [[sender]] = (await ask(anvil, [['eth_accounts']])) as [[Hex]];
  const each = Math.ceil(events / blocks);
  const transaction = (block: number): object => {
    const staker = block % STAKERS;
    const task = taskKey(taskId(Math.floor(block / STAKERS) % TASKS));
    const data = encodeFunctionData({ abi: taskStakingAbi, functionName: 'stake', args: [task, roleNumber(staker % 2 === 0 ? 'node' : 'validator'), 1n] });
    return { from: sender, to: stakers[staker], data: repeated(each, book.taskStaking, data), gas: GAS };
  };
  await ask(anvil, [['evm_setAutomine', false]]);
  // One after the other: the calls of one request are carried out in any order.
  for (let block = 0; block < blocks; block += 1) {
    await ask(anvil, [['eth_sendTransaction', transaction(block)]]);
    await ask(anvil, [['evm_mine']]);
  }
  await ask(anvil, [['evm_setAutomine', true]]);
  // More than anybody holds back as not final yet.
  await anvil.mine(64);
}
