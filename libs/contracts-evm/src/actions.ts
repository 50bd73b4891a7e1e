import { parseEventLogs, type Address, type Hex, type TransactionReceipt } from 'viem';
import type { AddressBook } from './address-book.js';
import { mined, type ChainClient } from './chain-client.js';
import { flockAbi, gmExchangeAbi, gmFlockAbi, rewardsAbi, taskStakingAbi } from './gen/index.js';
import { roleNumber, taskKey, type StakeRole } from './ids.js';

/** A mined transaction. */
export interface Mined {
  readonly txHash: Hex;
  readonly blockNumber: bigint;
}

/** A lock that was made. Amounts in base units, `unlockAtMs` in epoch milliseconds. */
export interface MadeLock extends Mined {
  readonly lockId: bigint;
  readonly gm: bigint;
  readonly unlockAtMs: number;
}

/** A stake's place. */
export interface StakePlace {
  readonly taskId: string;
  readonly role: StakeRole;
}

const minedOf = (receipt: TransactionReceipt): Mined => ({
  txHash: receipt.transactionHash,
  blockNumber: receipt.blockNumber,
});

/** Mints FLOCK base units to an account; the client must be the minter. */
export async function mintFlock(client: ChainClient, book: AddressBook, to: Address, amount: bigint): Promise<Mined> {
  const call = { address: book.flock, abi: flockAbi, functionName: 'mint', args: [to, amount] } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  return minedOf(await mined(client, await client.wallet.writeContract(call)));
}

async function approve(client: ChainClient, token: Address, spender: Address, amount: bigint): Promise<void> {
  const read = { address: token, abi: flockAbi } as const;
  const allowed = await client.reader.readContract({ ...read, functionName: 'allowance', args: [client.address, spender] });
  if (allowed >= amount) return;
  await mined(client, await client.wallet.writeContract({ ...read, functionName: 'approve', args: [spender, amount] }));
}

/** Locks FLOCK base units for a time (approving first where needed). A refusal throws viem's error with the custom error. */
export async function lockFlock(
  client: ChainClient,
  book: AddressBook,
  { amount, lockSeconds }: { readonly amount: bigint; readonly lockSeconds: bigint },
): Promise<MadeLock> {
  await approve(client, book.flock, book.gmExchange, amount);
  const call = { address: book.gmExchange, abi: gmExchangeAbi, functionName: 'lock', args: [amount, lockSeconds] } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  const receipt = await mined(client, await client.wallet.writeContract(call));
  const [made] = parseEventLogs({ abi: gmExchangeAbi, eventName: 'Locked', logs: receipt.logs });
  if (made === undefined) throw new Error(`transaction ${receipt.transactionHash} made no lock`);
  const { lockId, gm, unlockTime } = made.args;
  return { ...minedOf(receipt), lockId, gm, unlockAtMs: unlockTime * 1000 };
}

/** Redeems `gm` base units of a lock of this account whose time is over. */
export async function redeemLock(client: ChainClient, book: AddressBook, lockId: bigint, gm: bigint): Promise<Mined> {
  const call = { address: book.gmExchange, abi: gmExchangeAbi, functionName: 'redeem', args: [lockId, gm] } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  return minedOf(await mined(client, await client.wallet.writeContract(call)));
}

/** Lets wallets stake on a task; the client must be the operator. Nothing happens when it is open or finished already. */
export async function openTask(client: ChainClient, book: AddressBook, taskId: string, latestEndMs: number): Promise<void> {
  const args = [taskKey(taskId), BigInt(Math.ceil(latestEndMs / 1000))] as const;
  const read = { address: book.taskStaking, abi: taskStakingAbi } as const;
  const { status } = await client.reader.readContract({ ...read, functionName: 'taskOf', args: [args[0]] });
  if (status !== 0) return;
  const call = { ...read, functionName: 'openTask', args } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  await mined(client, await client.wallet.writeContract(call));
}

/** When a task's final reward vests: from `startMs` on for `durationMs`. */
export interface FinalVesting {
  readonly startMs: number;
  readonly durationMs: number;
}

/** Fixes when a task's final reward vests; the client must be the operator. Nothing happens when it is fixed already. */
export async function fixVesting(client: ChainClient, book: AddressBook, taskId: string, { startMs, durationMs }: FinalVesting): Promise<void> {
  const read = { address: book.rewards, abi: rewardsAbi } as const;
  if (await client.reader.readContract({ ...read, functionName: 'isFixed', args: [taskKey(taskId)] })) return;
  const call = { ...read, functionName: 'fixVesting', args: [taskKey(taskId), Math.floor(startMs / 1000), Math.floor(durationMs / 1000)] } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  await mined(client, await client.wallet.writeContract(call));
}

/**
 * Ends a task, so that its stakes may leave after their unbonding; the client must be the operator. Its final reward is fixed
 * first, at once unless `vesting` says otherwise. Nothing happens when it is finished already.
 */
export async function finishTask(client: ChainClient, book: AddressBook, taskId: string, vesting: FinalVesting = { startMs: 0, durationMs: 0 }): Promise<void> {
  const args = [taskKey(taskId)] as const;
  const read = { address: book.taskStaking, abi: taskStakingAbi, args } as const;
  const { status } = await client.reader.readContract({ ...read, functionName: 'taskOf' });
  if (status === 2) return;
  // Of a task that was never opened nothing is fixed: it could not be changed any more.
  if (status === 1) await fixVesting(client, book, taskId, vesting);
  const call = { ...read, functionName: 'finishTask' } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  await mined(client, await client.wallet.writeContract(call));
}

/** Adds gmFLOCK base units to this account's stake (approving first where needed). */
export async function stakeOnTask(
  client: ChainClient,
  book: AddressBook,
  { taskId, role, amount }: StakePlace & { readonly amount: bigint },
): Promise<Mined> {
  await approve(client, book.gmFlock, book.taskStaking, amount);
  const args = [taskKey(taskId), roleNumber(role), amount] as const;
  const call = { address: book.taskStaking, abi: taskStakingAbi, functionName: 'stake', args } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  return minedOf(await mined(client, await client.wallet.writeContract(call)));
}

/** Takes this account's whole stake in a finished task back. */
export async function withdrawStake(client: ChainClient, book: AddressBook, { taskId, role }: StakePlace): Promise<Mined> {
  const args = [taskKey(taskId), roleNumber(role)] as const;
  const call = { address: book.taskStaking, abi: taskStakingAbi, functionName: 'withdraw', args } as const;
  await client.reader.simulateContract({ ...call, account: client.address });
  return minedOf(await mined(client, await client.wallet.writeContract(call)));
}

/** FLOCK and gmFLOCK base units that an account holds itself (stakes and locks not counted). */
export async function balancesOf(
  client: Pick<ChainClient, 'reader'>,
  book: AddressBook,
  account: Address,
): Promise<{ flock: bigint; gmFlock: bigint }> {
  const read = (address: Address): Promise<bigint> =>
    client.reader.readContract({ address, abi: gmFlockAbi, functionName: 'balanceOf', args: [account] });
  return { flock: await read(book.flock), gmFlock: await read(book.gmFlock) };
}

/** What an account has staked in one place, in gmFLOCK base units, at the latest block. */
export const stakeOf = (
  client: Pick<ChainClient, 'reader'>,
  book: AddressBook,
  account: Address,
  { taskId, role }: StakePlace,
): Promise<bigint> =>
  client.reader.readContract({
    address: book.taskStaking,
    abi: taskStakingAbi,
    functionName: 'stakeOf',
    args: [taskKey(taskId), roleNumber(role), account],
  });

/** Everything staked on all tasks and roles, at a block or the latest one. */
export const totalStaked = (client: Pick<ChainClient, 'reader'>, book: AddressBook, blockNumber?: bigint): Promise<bigint> =>
  client.reader.readContract({
    address: book.taskStaking,
    abi: taskStakingAbi,
    functionName: 'grandTotal',
    ...(blockNumber === undefined ? {} : { blockNumber }),
  });
