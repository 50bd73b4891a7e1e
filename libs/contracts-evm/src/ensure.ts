import type { Address } from 'viem';
import { lockFlock, mintFlock, stakeOf, stakeOnTask, type StakePlace } from './actions.js';
import type { AddressBook } from './address-book.js';
import type { ChainClient } from './chain-client.js';
import { flockAbi, gmExchangeAbi } from './gen/index.js';

const lockedEvent = gmExchangeAbi.find((item) => item.type === 'event' && item.name === 'Locked')!;
const transferEvent = flockAbi.find((item) => item.type === 'event' && item.name === 'Transfer')!;

/** A lock as the chain recorded it when it was made. */
export interface RecordedLock {
  readonly lockId: bigint;
  readonly amount: bigint;
  readonly gm: bigint;
  readonly unlockAtMs: number;
}

/** All locks that an account ever made, in order. */
export async function locksOf(
  client: Pick<ChainClient, 'reader'>,
  book: AddressBook,
  owner: Address,
): Promise<RecordedLock[]> {
  const logs = await client.reader.getLogs({
    address: book.gmExchange,
    event: lockedEvent,
    args: { owner },
    fromBlock: book.fromBlock,
    toBlock: 'latest',
    strict: true,
  });
  return logs.map(({ args }) => ({
    lockId: args.lockId,
    amount: args.amount,
    gm: args.gm,
    unlockAtMs: args.unlockTime * 1000,
  }));
}

/**
 * The account's first lock of exactly `amount` FLOCK, made now if there is none: repeating the call after a crash, when
 * nobody knows whether the transaction went through, locks once.
 */
export async function ensureLock(
  client: ChainClient,
  book: AddressBook,
  wanted: { readonly amount: bigint; readonly lockSeconds: bigint },
): Promise<RecordedLock> {
  const made = (await locksOf(client, book, client.address)).find((lock) => lock.amount === wanted.amount);
  if (made !== undefined) return made;
  const { lockId, gm, unlockAtMs } = await lockFlock(client, book, wanted);
  return { lockId, amount: wanted.amount, gm, unlockAtMs };
}

/** Raises the account's stake to `amount` gmFLOCK base units if it is lower; repeating the call stakes once. */
export async function ensureStake(
  client: ChainClient,
  book: AddressBook,
  wanted: StakePlace & { readonly amount: bigint },
): Promise<void> {
  const held = await stakeOf(client, book, client.address, wanted);
  if (held < wanted.amount) await stakeOnTask(client, book, { ...wanted, amount: wanted.amount - held });
}

/** Mints FLOCK to `to` up to `amount` base units minted for it in all; repeating the call mints once. */
export async function ensureMinted(client: ChainClient, book: AddressBook, to: Address, amount: bigint): Promise<void> {
  const logs = await client.reader.getLogs({
    address: book.flock,
    event: transferEvent,
    args: { from: '0x0000000000000000000000000000000000000000', to },
    fromBlock: book.fromBlock,
    toBlock: 'latest',
    strict: true,
  });
  const minted = logs.reduce((sum, log) => sum + log.args.value, 0n);
  if (minted < amount) await mintFlock(client, book, to, amount - minted);
}
