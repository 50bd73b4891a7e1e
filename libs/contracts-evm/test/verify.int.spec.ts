import { startAnvil, type Anvil } from '@skein/embedded';
import { createTestClient, encodeFunctionData, http, publicActions, walletActions } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ADMIN, BUILDS, chainClient, CONTRACT_NAMES, deployAll, deployContracts, devAccount, flockAbi, fundGas, gmExchangeAbi, immutablesOf, lockFlock, mintFlock, plannedRoles, poolManagerAbi, roleHash, rolesOf, runtimeCode, settingsFor,
  stakeOnTask, openTask, verifyDeployment, type ChainClient, type Deployment,
} from '../src/index.js';
import { tokens } from './devnet.js';

let anvil: Anvil;
let deployment: Deployment;
let deployer: ChainClient;
const MULTISIG = devAccount('verify', 'multisig').address.toLowerCase() as `0x${string}`;

async function account(label: string): Promise<ChainClient> {
  const client = chainClient(anvil, devAccount('verify', label));
  await fundGas(anvil, [client.address]);
  return client;
}

beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
  deployer = await account('deployer');
  const settings = settingsFor(deployer.address, 1_800_000_000n, { multisig: MULTISIG, operator: (await account('operator')).address, genesisSupply: tokens(580_000_000) });
  deployment = { book: await deployContracts(deployer, settings), deployer: deployer.address, settings };
});
afterAll(() => anvil.stop());

const chain = () => createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).extend(publicActions).extend(walletActions);
const verify = (of: Deployment = deployment) => verifyDeployment(deployer.reader, of);

/** What a verification finds after a change that is undone afterwards. */
async function afterwards(change: () => Promise<unknown>): Promise<readonly { rule: string; message: string }[]> {
  const before = await chain().snapshot();
  await change();
  const { findings } = await verify();
  await chain().revert({ id: before });
  return findings;
}

/** Sends as an account whose key nobody here has. */
async function sendAs(from: `0x${string}`, to: `0x${string}`, data: `0x${string}`): Promise<void> {
  await chain().impersonateAccount({ address: from });
  await chain().setBalance({ address: from, value: 10n ** 20n });
  const hash = await chain().sendTransaction({ account: from, to, data, chain: null });
  const { status } = await chain().waitForTransactionReceipt({ hash });
  expect(status).toBe('success');
}

const grant = (role: string, to: `0x${string}`) => encodeFunctionData({ abi: flockAbi, functionName: 'grantRole', args: [roleHash(role), to] });

test('a deployment that was handed over proves well, and the deployer holds no role of any contract', async () => {
  const { checks, findings } = await verify();
  expect(findings).toEqual([]);
  expect(checks).toBeGreaterThan(100);
  for (const contract of CONTRACT_NAMES) {
    for (const role of rolesOf(contract)) {
      const call = { address: deployment.book[contract], abi: flockAbi, functionName: 'hasRole', args: [roleHash(role), deployer.address] } as const;
      expect([contract, role, await deployer.reader.readContract(call)]).toEqual([contract, role, false]);
    }
  }
  const supply = { address: deployment.book.flock, abi: flockAbi, functionName: 'balanceOf', args: [MULTISIG] } as const;
  expect(await deployer.reader.readContract(supply)).toBe(tokens(580_000_000));
});

test('every contract’s roles are known, and administrators of money and parameters stand behind the time lock', () => {
  expect(CONTRACT_NAMES.filter((name) => rolesOf(name).length === 0)).toEqual(['emission', 'poolCode']);
  const roles = plannedRoles(deployment.book, deployer.address, deployment.settings);
  const admins = Object.fromEntries(roles.filter(({ role }) => role === ADMIN).map(({ contract, account: holder }) => [contract, holder === MULTISIG ? 'multisig' : 'timelock']));
  expect(admins).toEqual({
    flock: 'timelock', gmFlock: 'timelock', gmExchange: 'timelock', parameterRegistry: 'timelock', timelock: 'timelock',
    taskStaking: 'multisig', rewards: 'multisig', slashedRewards: 'multisig', poolManager: 'multisig', federationTask: 'multisig',
  });
});

test('a role given back to the deployer, or to a stranger, is found by name', async () => {
  const { book } = deployment;
  const back = await afterwards(() => sendAs(MULTISIG, book.taskStaking, grant('CASE_ROLE', deployer.address)));
  expect(back.map(({ rule }) => rule)).toEqual(['role', 'deployer']);
  expect(back[1]!.message).toBe(`the deployer keeps something: ${deployer.address} holds CASE_ROLE of taskStaking`);
  const stranger = devAccount('verify', 'stranger').address.toLowerCase() as `0x${string}`;
  const given = await afterwards(() => sendAs(book.timelock, book.flock, grant('MINTER_ROLE', stranger)));
  expect(given).toEqual([{ rule: 'role', message: `not planned: ${stranger} holds MINTER_ROLE of flock` }]);
  const revoke = encodeFunctionData({ abi: flockAbi, functionName: 'revokeRole', args: [roleHash('MINTER_ROLE'), book.emission] });
  const gone = await afterwards(() => sendAs(book.timelock, book.flock, revoke));
  expect(gone).toEqual([{ rule: 'role', message: `not so: ${book.emission} holds MINTER_ROLE of flock` }]);
});

test('a pool that its manager registered is no finding; anything else that holds gmFLOCK is', async () => {
  const { book } = deployment;
  const owner = await account('pool-owner');
  const opened = await afterwards(async () => {
    await owner.reader.waitForTransactionReceipt({ hash: await owner.wallet.writeContract({ address: book.poolManager, abi: poolManagerAbi, functionName: 'createPool', args: [0] }) });
  });
  expect(opened).toEqual([]);
  const other = await afterwards(() => sendAs(book.timelock, book.gmFlock, grant('REGISTERED_ROLE', owner.address)));
  expect(other).toEqual([{ rule: 'role', message: `not planned: ${owner.address} holds REGISTERED_ROLE of gmFlock` }]);
});

test('other code, other parameters, another supply and another chain are found', async () => {
  const { book, settings } = deployment;
  const immutables = immutablesOf(book, settings);
  const code = runtimeCode(BUILDS.taskStaking, { ...immutables.taskStaking, unbondingSeconds: 1n });
  const quick = await afterwards(() => chain().setCode({ address: book.taskStaking, bytecode: code }));
  expect(quick).toEqual([{ rule: 'code', message: `taskStaking (${book.taskStaking}) has other values in its code: unbondingSeconds is 0x1` }]);
  const changed = await afterwards(() => chain().setCode({ address: book.poolCode, bytecode: `${runtimeCode(BUILDS.poolCode, immutables.poolCode).slice(0, -2) as '0x'}00` }));
  expect(changed).toEqual([{ rule: 'code', message: `poolCode (${book.poolCode}) has other code than this build's DelegationPool` }]);
  const fees = encodeFunctionData({ abi: gmExchangeAbi, functionName: 'setParameters', args: [600, 1n, MULTISIG] });
  const dearer = await afterwards(() => sendAs(book.timelock, book.gmExchange, fees));
  expect(dearer.map(({ rule, message }) => `${rule} ${message}`)).toEqual([
    'parameter gmExchange: feeBps is 600, the file says 513', `parameter gmExchange: minimumLock is 1, the file says ${10n ** 18n}`,
  ]);
  expect((await verify({ ...deployment, settings: { ...settings, genesisSupply: 1n } })).findings.map(({ rule }) => rule)).toEqual(['supply']);
  expect((await verify({ ...deployment, book: { ...book, chainId: 1 } })).findings).toEqual([{ rule: 'chain', message: 'the endpoint is for chain 31337, the file for chain 1' }]);
  expect((await verify({ ...deployment, deployer: MULTISIG })).findings.every(({ rule }) => rule === 'address' || rule === 'deployer')).toBe(true);
});

test('the wired contracts work together: what was locked is staked, and a devnet proves well, too', async () => {
  const dev = await account('devnet-deployer');
  const book = await deployAll(dev);
  const person = await account('person');
  await mintFlock(dev, book, person.address, tokens(5));
  await lockFlock(person, book, { amount: tokens(5), lockSeconds: 0n });
  const taskId = '0192f0c1-2b3c-7def-8123-456789abcdef';
  await openTask(dev, book, taskId, Number((await dev.reader.getBlock()).timestamp + 60n) * 1000);
  await stakeOnTask(person, book, { taskId, role: 'node', amount: tokens(5) });
  const settings = settingsFor(dev.address, (await dev.reader.getBlock({ blockNumber: 0n })).timestamp, { unbondingSeconds: 0n, appealSeconds: 0n });
  expect((await verifyDeployment(dev.reader, { book, deployer: dev.address, settings })).findings).toEqual([]);
});
