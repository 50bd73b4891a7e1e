import { startAnvil, type Anvil } from '@skein/embedded';
import { eventually } from '@skein/testing';
import { createTestClient, http, type TestClient } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  chainClient, ChainRefusal, deployAll, deployContracts, devAccount, fundGas, planDeployment, requireChain, sendSteps, settingsFor,
  type ChainClient, type DeployPlan, type DeploySettings, type StepDone,
} from '../src/index.js';

let anvil: Anvil;
let time: TestClient;
beforeAll(async () => {
  anvil = await startAnvil({ blockTimeSeconds: 0 });
  time = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
});
afterAll(() => anvil.stop());

async function account(label: string): Promise<ChainClient> {
  const client = chainClient(anvil, devAccount('resume', label));
  await fundGas(anvil, [client.address]);
  return client;
}

const MULTISIG = devAccount('resume', 'multisig').address.toLowerCase() as `0x${string}`;
const settingsOf = (client: ChainClient): DeploySettings => settingsFor(client.address, 1_800_000_000n, { multisig: MULTISIG, genesisSupply: 10n ** 24n });
const planOf = (client: ChainClient): DeployPlan => planDeployment(anvil.chainId, client.address, settingsOf(client));

async function rule(promise: Promise<unknown>): Promise<{ rule: string; message: string }> {
  const error = await promise.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof ChainRefusal)) throw error ?? new Error('it went through');
  return { rule: error.rule, message: error.message };
}

test('a deployment that ended after any of its transactions goes on with the next and changes nothing when complete', { timeout: 240_000 }, async () => {
  const client = await account('anywhere');
  const { steps, book } = planOf(client);
  for (let done = 0; done <= steps.length; done += 1) {
    const before = await time.snapshot();
    const sent: StepDone[] = [];
    let told: readonly number[] = [];
    const made = await deployContracts(client, settingsOf(client), { onStep: (step) => sent.push(step), onStart: (first, of) => void (told = [first, of]) });
    expect(told).toEqual([done, steps.length]);
    expect(sent.map(({ index }) => index)).toEqual(steps.map((_, index) => index).slice(done));
    expect(made).toMatchObject(book);
    await time.revert({ id: before });
    if (done < steps.length) await sendSteps(client, steps.slice(0, done + 1), done);
  }
});

test('every run finds the same first block, whichever of them made it', async () => {
  const client = await account('first-block');
  const made = await deployAll(client);
  expect(await deployAll(client)).toEqual(made);
  const [first] = await client.reader.getLogs({ address: made.flock, fromBlock: 0n });
  expect(made.fromBlock).toBe(first!.blockNumber);
});

test('what a killed run has left on its way is waited for', async () => {
  const client = await account('on-its-way');
  await time.setAutomine(false);
  const { steps } = planOf(client);
  const killed = sendSteps(client, steps.slice(0, 5), 0).catch(() => undefined);
  await eventually(async () => expect(await client.reader.getTransactionCount({ address: client.address, blockTag: 'pending' })).toBe(5));
  const again = deployContracts(client, settingsOf(client));
  await time.setAutomine(true);
  await time.mine({ blocks: 1 });
  expect(await again).toMatchObject(planOf(client).book);
  await killed;
});

test('an account whose transactions were something else is refused by the transaction, before anything is sent', async () => {
  const busy = await account('busy');
  const { steps } = planOf(busy);
  await sendSteps(busy, steps.slice(0, 13), 0);
  const hash = await busy.wallet.sendTransaction({ to: busy.address, value: 1n });
  await busy.reader.waitForTransactionReceipt({ hash });
  expect(await rule(deployContracts(busy, settingsOf(busy)))).toMatchObject({ rule: 'other-transactions', message: expect.stringContaining(`transaction 13 of ${busy.address} is not "${steps[13]!.label}"`) });
  expect(await busy.reader.getTransactionCount({ address: busy.address })).toBe(14);
});

test('going on with other settings is refused by the value that differs', async () => {
  const client = await account('other-settings');
  await sendSteps(client, planOf(client).steps.slice(0, 4), 0);
  const refused = await rule(deployContracts(client, { ...settingsOf(client), unbondingSeconds: 1n }));
  expect(refused).toMatchObject({ rule: 'other-transactions', message: expect.stringMatching(/transaction 3 .*unbondingSeconds is 0xd2f00/) });
});

test('too little for gas and parameters that a contract refuses are told before the first transaction', async () => {
  const poor = await account('poor');
  await time.setBalance({ address: poor.address, value: 10n ** 15n });
  expect(await rule(deployContracts(poor, settingsOf(poor)))).toMatchObject({ rule: 'insufficient-funds', message: expect.stringContaining('has 1000000000000000 wei') });
  const client = await account('refused');
  const unfit = await rule(deployContracts(client, { ...settingsOf(client), reporterBps: 2_500 }));
  expect(unfit).toMatchObject({ rule: 'reverted', message: expect.stringContaining('ReporterShareTooHigh(2500, 3)') });
  const uneven = await rule(deployContracts(client, { ...settingsOf(client), epochSeconds: 7n }));
  expect(uneven.message).toContain('InvalidEpochSeconds(7)');
  expect(await client.reader.getTransactionCount({ address: client.address })).toBe(0);
});

test('an endpoint of another chain, or none at all, is refused by name', async () => {
  await expect(requireChain(anvil)).resolves.toBeUndefined();
  expect(await rule(requireChain({ ...anvil, chainId: 1 }))).toEqual({ rule: 'wrong-chain', message: 'the endpoint is for chain 31337, not for chain 1' });
  expect((await rule(requireChain({ rpcUrl: 'http://127.0.0.1:1', chainId: 1 }))).rule).toBe('unreachable');
});
