import { encodeAbiParameters, keccak256, pad } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  balancesOf,
  ensureStake,
  finishTask,
  gmFlockAbi,
  lockFlock,
  mined,
  openTask,
  roleNumber,
  stakeOf,
  stakeOnTask,
  taskKey,
  taskStakingAbi,
  totalStaked,
  withdrawStake,
  type ChainClient,
  type StakeRole,
} from '../src/index.js';
import { devnet, tokens, type Devnet } from './devnet.js';
import { refusal } from './refused.js';

let net: Devnet;
let nextTask = 0;
beforeAll(async () => {
  net = await devnet();
});
afterAll(() => net.anvil.stop());

const staking = () => ({ address: net.book.taskStaking, abi: taskStakingAbi }) as const;
const chainSeconds = async (): Promise<bigint> => (await net.admin.reader.getBlock()).timestamp;

async function task(): Promise<string> {
  nextTask += 1;
  const taskId = `00000000-0000-7000-8000-${String(nextTask).padStart(12, '0')}`;
  await openTask(net.admin, net.book, taskId, (Number(await chainSeconds()) + 3600) * 1000);
  return taskId;
}

async function staker(label: string, gm = 100): Promise<ChainClient> {
  const client = await net.account(label, tokens(gm));
  await lockFlock(client, net.book, { amount: tokens(gm), lockSeconds: 0n });
  return client;
}

const total = (taskId: string, role: StakeRole): Promise<bigint> =>
  net.admin.reader.readContract({ ...staking(), functionName: 'totalOf', args: [taskKey(taskId), roleNumber(role)] });

test('stakes add up by wallet, role and task, and in one grand total', async () => {
  const before = await totalStaked(net.admin, net.book);
  const [a, b, taskId] = [await staker('sum-a'), await staker('sum-b'), await task()];
  await stakeOnTask(a, net.book, { taskId, role: 'node', amount: tokens(30) });
  await stakeOnTask(a, net.book, { taskId, role: 'node', amount: tokens(5) });
  await stakeOnTask(b, net.book, { taskId, role: 'validator', amount: tokens(20) });
  await ensureStake(b, net.book, { taskId, role: 'validator', amount: tokens(22) });
  await ensureStake(b, net.book, { taskId, role: 'validator', amount: tokens(22) });
  await stakeOnTask(b, net.book, { taskId, role: 'participant', amount: tokens(1) });
  expect(await stakeOf(a, net.book, a.address, { taskId, role: 'node' })).toBe(tokens(35));
  expect([await total(taskId, 'node'), await total(taskId, 'validator'), await total(taskId, 'participant')]).toEqual([
    tokens(35),
    tokens(22),
    tokens(1),
  ]);
  expect((await totalStaked(net.admin, net.book)) - before).toBe(tokens(58));
  expect((await balancesOf(b, net.book, b.address)).gmFlock).toBe(tokens(77));
});

test('a wallet is node or validator in one task, and may be the other in another', async () => {
  const [wallet, first, second] = [await staker('xor'), await task(), await task()];
  await stakeOnTask(wallet, net.book, { taskId: first, role: 'node', amount: tokens(1) });
  const both = await refusal(stakeOnTask(wallet, net.book, { taskId: first, role: 'validator', amount: tokens(1) }));
  expect(both.name).toBe('OtherRoleTaken');
  await stakeOnTask(wallet, net.book, { taskId: second, role: 'validator', amount: tokens(1) });
  const reverse = await refusal(stakeOnTask(wallet, net.book, { taskId: second, role: 'node', amount: tokens(1) }));
  expect(reverse.name).toBe('OtherRoleTaken');
});

test('stake leaves only once the task is finished, whole and once', async () => {
  const [wallet, taskId] = [await staker('leave'), await task()];
  await stakeOnTask(wallet, net.book, { taskId, role: 'validator', amount: tokens(40) });
  const place = { taskId, role: 'validator' } as const;
  expect((await refusal(withdrawStake(wallet, net.book, place))).name).toBe('TaskNotFinished');
  await finishTask(net.admin, net.book, taskId);
  await finishTask(net.admin, net.book, taskId);
  const before = await totalStaked(net.admin, net.book);
  await withdrawStake(wallet, net.book, place);
  expect(before - (await totalStaked(net.admin, net.book))).toBe(tokens(40));
  expect(await total(taskId, 'validator')).toBe(0n);
  expect((await balancesOf(wallet, net.book, wallet.address)).gmFlock).toBe(tokens(100));
  expect((await refusal(withdrawStake(wallet, net.book, place))).name).toBe('NothingStaked');
  const late = stakeOnTask(wallet, net.book, { ...place, amount: 1n });
  expect((await refusal(late)).name).toBe('TaskNotOpen');
});

test('what was never opened takes no stake; what is left open can be released by anyone 30 days after its end', async () => {
  const wallet = await staker('release');
  const unknown = '00000000-0000-7000-8000-00000000dead';
  const nowhere = stakeOnTask(wallet, net.book, { taskId: unknown, role: 'node', amount: 1n });
  expect((await refusal(nowhere)).name).toBe('TaskNotOpen');
  const taskId = await task();
  await stakeOnTask(wallet, net.book, { taskId, role: 'node', amount: tokens(2) });
  const release = () =>
    wallet.reader.simulateContract({
      ...staking(),
      functionName: 'releaseTask',
      args: [taskKey(taskId)],
      account: wallet.wallet.account,
    });
  const early = await refusal(release());
  expect(early.name).toBe('ReleaseTooEarly');
  await net.time.setNextBlockTimestamp({ timestamp: early.args[1] as bigint });
  await net.time.mine({ blocks: 1 });
  const { request } = await release();
  await mined(wallet, await wallet.wallet.writeContract(request));
  await withdrawStake(wallet, net.book, { taskId, role: 'node' });
});

test('only the operator opens and finishes, once, and with an end that lies ahead', async () => {
  const [stranger, taskId, now] = [await net.account('no-operator'), await task(), await chainSeconds()];
  const other = '00000000-0000-7000-8000-00000000beef';
  const open = (client: ChainClient, id: string, end: bigint) =>
    net.admin.reader.simulateContract({
      ...staking(),
      functionName: 'openTask',
      args: [taskKey(id), end],
      account: client.address,
    });
  expect((await refusal(open(stranger, other, now + 60n))).name).toBe('AccessControlUnauthorizedAccount');
  expect((await refusal(finishTask(stranger, net.book, taskId))).name).toBe('AccessControlUnauthorizedAccount');
  expect((await refusal(open(net.admin, taskId, now + 60n))).name).toBe('TaskAlreadyOpened');
  expect((await refusal(open(net.admin, other, now - 60n))).name).toBe('InvalidLatestEnd');
  expect((await refusal(open(net.admin, other, 2n ** 64n - 1n))).name).toBe('InvalidLatestEnd');
  expect((await refusal(finishTask(net.admin, net.book, other))).name).toBe('FinalRewardPending');
  const [wallet] = [await staker('zero')];
  expect((await refusal(stakeOnTask(wallet, net.book, { taskId, role: 'node', amount: 0n }))).name).toBe('ZeroStake');
});

test('a wallet holds at most 256 stakes at a time', async () => {
  const [wallet, first, second] = [await staker('many'), await task(), await task()];
  await stakeOnTask(wallet, net.book, { taskId: first, role: 'node', amount: 1n });
  // The list of places is the mapping in the sixth storage slot: the test need not make 254 more stakes.
  const slot = keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [wallet.address, 5n]));
  const at = { address: net.book.taskStaking, index: slot };
  expect(await net.admin.reader.getStorageAt({ address: at.address, slot })).toBe(pad('0x1'));
  await net.time.setStorageAt({ ...at, value: pad('0x100') });
  const place = { taskId: second, role: 'validator' } as const;
  expect((await refusal(stakeOnTask(wallet, net.book, { ...place, amount: 1n }))).name).toBe('TooManyStakes');
  await stakeOnTask(wallet, net.book, { taskId: first, role: 'node', amount: 1n });
  await finishTask(net.admin, net.book, first);
  await withdrawStake(wallet, net.book, { taskId: first, role: 'node' });
  await stakeOnTask(wallet, net.book, { ...place, amount: 1n });
});

test('gmFLOCK moves only through registered contracts', async () => {
  const [a, b] = [await staker('mover-a'), await staker('mover-b')];
  const gm = { address: net.book.gmFlock, abi: gmFlockAbi, account: a.address } as const;
  const send = (to: `0x${string}`) => a.reader.simulateContract({ ...gm, functionName: 'transfer', args: [to, 1n] });
  expect((await refusal(send(b.address))).name).toBe('TransferNotAllowed');
  expect((await refusal(send(net.book.taskStaking))).name).toBe('TransferNotAllowed');
  await mined(b, await b.wallet.writeContract({ ...gm, account: b.wallet.account, functionName: 'approve', args: [a.address, 5n] }));
  const take = a.reader.simulateContract({
    ...gm,
    functionName: 'transferFrom',
    args: [b.address, net.book.taskStaking, 1n],
  });
  expect((await refusal(take)).name).toBe('TransferNotAllowed');
  const mint = a.reader.simulateContract({ ...gm, functionName: 'mint', args: [a.address, 1n] });
  expect((await refusal(mint)).name).toBe('AccessControlUnauthorizedAccount');
});
