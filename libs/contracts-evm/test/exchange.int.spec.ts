import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  balancesOf,
  ensureLock,
  ensureMinted,
  gmExchangeAbi,
  gmOfLock,
  lockFlock,
  lockMultiplier,
  locksOf,
  mined,
  redeemLock,
} from '../src/index.js';
import { devnet, tokens, TREASURY, type Devnet } from './devnet.js';
import { refusal } from './refused.js';

const DAY = 86_400n;
const golden = JSON.parse(readFileSync(new URL('./golden/staking.json', import.meta.url), 'utf8')) as {
  lockMultiplier: { seconds: number; mult: number }[];
  redeem: { locked: string; feeBps: number; redeemable: string };
};

let net: Devnet;
beforeAll(async () => {
  net = await devnet();
});
afterAll(() => net.anvil.stop());

const exchange = () => ({ address: net.book.gmExchange, abi: gmExchangeAbi }) as const;
const lockAt = (lockId: bigint) => net.admin.reader.readContract({ ...exchange(), functionName: 'lockOf', args: [lockId] });
const multiplierOf = (seconds: bigint): Promise<bigint> =>
  net.admin.reader.readContract({ ...exchange(), functionName: 'multiplierOf', args: [seconds] });

test('the golden lock multipliers hold on chain and off it', async () => {
  for (const { seconds, mult } of golden.lockMultiplier) {
    expect(lockMultiplier(BigInt(seconds))).toBe(BigInt(mult));
    expect(await multiplierOf(BigInt(seconds))).toBe(BigInt(mult));
  }
});

test('both multipliers agree at every edge and in between', async () => {
  const edges = [0n, 1n, 30n * DAY - 1n, 30n * DAY, 30n * DAY + 1n, 365n * DAY - 1n, 365n * DAY, 365n * DAY + 1n, 3650n * DAY];
  const between = fc.sample(fc.bigInt({ min: 0n, max: 400n * DAY }), { numRuns: 30, seed: 7 });
  for (const seconds of [...edges, ...between]) expect(await multiplierOf(seconds)).toBe(lockMultiplier(seconds));
});

test('a lock mints amount times multiplier and 1000 come back as 948.7, the fee going to the treasury', async () => {
  const locked = tokens(golden.redeem.locked);
  const holder = await net.account('holder', locked);
  const made = await lockFlock(holder, net.book, { amount: locked, lockSeconds: 60n * DAY });
  expect(made.gm).toBe(tokens(1180));
  expect(await balancesOf(holder, net.book, holder.address)).toEqual({ flock: 0n, gmFlock: tokens(1180) });
  const early = await refusal(redeemLock(holder, net.book, made.lockId, made.gm));
  expect(early).toEqual({ name: 'StillLocked', args: [made.lockId, BigInt(made.unlockAtMs / 1000)] });
  await net.time.setNextBlockTimestamp({ timestamp: BigInt(made.unlockAtMs / 1000) });
  await net.time.mine({ blocks: 1 });
  const before = (await balancesOf(holder, net.book, TREASURY)).flock;
  await redeemLock(holder, net.book, made.lockId, made.gm);
  expect(await balancesOf(holder, net.book, holder.address)).toEqual({ flock: tokens(golden.redeem.redeemable), gmFlock: 0n });
  expect((await balancesOf(holder, net.book, TREASURY)).flock - before).toBe(tokens('51.3'));
});

test('parts pay their floor, the last part the rest, and nothing is created or lost', async () => {
  const holder = await net.account('parts', tokens(10));
  const amount = tokens(7) + 3n;
  const { lockId, gm } = await lockFlock(holder, net.book, { amount, lockSeconds: 0n });
  expect(gm).toBe(amount);
  const treasury = async (): Promise<bigint> => (await balancesOf(holder, net.book, TREASURY)).flock;
  const [heldBefore, feesBefore] = [tokens(10) - amount, await treasury()];
  for (const part of [1n, gm / 3n, 7n]) await redeemLock(holder, net.book, lockId, part);
  const { gmRemaining } = await lockAt(lockId);
  await redeemLock(holder, net.book, lockId, gmRemaining);
  expect(await lockAt(lockId)).toMatchObject({ gmRemaining: 0n, amountRemaining: 0n, amount, gm });
  const paid = (await balancesOf(holder, net.book, holder.address)).flock - heldBefore;
  expect(paid + (await treasury()) - feesBefore).toBe(amount);
});

test('a long lock pays each part by the shares it began with', async () => {
  const holder = await net.account('long', tokens(100));
  const amount = tokens(100);
  const lockSeconds = 365n * DAY;
  const { lockId, gm, unlockAtMs } = await lockFlock(holder, net.book, { amount, lockSeconds });
  expect(gm).toBe(gmOfLock(amount, lockSeconds));
  expect(gm).toBe(tokens(301));
  await net.time.setNextBlockTimestamp({ timestamp: BigInt(unlockAtMs / 1000) });
  await net.time.mine({ blocks: 1 });
  await redeemLock(holder, net.book, lockId, 1n);
  expect((await lockAt(lockId)).amountRemaining).toBe(amount);
  await redeemLock(holder, net.book, lockId, tokens(150));
  expect((await lockAt(lockId)).amountRemaining).toBe(amount - (amount * tokens(150)) / gm);
});

test('a fee is fixed when locking', async () => {
  const holder = await net.account('fee', tokens(20));
  const { lockId, gm } = await lockFlock(holder, net.book, { amount: tokens(10), lockSeconds: 0n });
  const set = async (feeBps: number) =>
    mined(net.admin, await net.admin.wallet.writeContract({ ...exchange(), functionName: 'setParameters', args: [feeBps, tokens(1), TREASURY] }));
  await set(10_000);
  await redeemLock(holder, net.book, lockId, gm);
  expect((await balancesOf(holder, net.book, holder.address)).flock).toBe(tokens(10) + tokens('9.487'));
  await set(513);
  const tooHigh = net.admin.reader.simulateContract({
    ...exchange(),
    functionName: 'setParameters',
    args: [10_001, 1n, TREASURY],
    account: net.admin.address,
  });
  expect(await refusal(tooHigh)).toEqual({ name: 'FeeTooHigh', args: [10_001n] });
});

test('refusals name the rule', async () => {
  const holder = await net.account('refused', tokens(5));
  const stranger = await net.account('stranger');
  const lock = (amount: bigint, lockSeconds: bigint) => lockFlock(holder, net.book, { amount, lockSeconds });
  expect((await refusal(lock(tokens(1) - 1n, 0n))).name).toBe('LockTooSmall');
  expect((await refusal(lock(0n, 0n))).name).toBe('LockTooSmall');
  expect((await refusal(lock(tokens(1), 3650n * DAY + 1n))).name).toBe('LockTooLong');
  expect((await refusal(lock(2n ** 128n, 0n))).name).toBe('LockTooLarge');
  const { lockId, gm } = await lock(tokens(2), 0n);
  expect((await refusal(redeemLock(stranger, net.book, lockId, gm))).name).toBe('NotLockOwner');
  expect((await refusal(redeemLock(holder, net.book, lockId + 99n, gm))).name).toBe('NotLockOwner');
  expect((await refusal(redeemLock(holder, net.book, lockId, 0n))).name).toBe('InvalidRedemption');
  expect(await refusal(redeemLock(holder, net.book, lockId, gm + 1n))).toEqual({
    name: 'InvalidRedemption',
    args: [lockId, gm + 1n, gm],
  });
});

test('minting and locking again after an uncertain answer happens once', async () => {
  const holder = await net.account('again');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await ensureMinted(net.admin, net.book, holder.address, tokens(9));
    await ensureLock(holder, net.book, { amount: tokens(4), lockSeconds: 60n * DAY });
  }
  expect(await balancesOf(holder, net.book, holder.address)).toEqual({ flock: tokens(5), gmFlock: tokens('4.72') });
  expect((await locksOf(holder, net.book, holder.address)).map((lock) => lock.gm)).toEqual([tokens('4.72')]);
});
