import { pad, toEventSelector, type Address } from 'viem';
import type { AddressBook } from './address-book.js';
import { ADMIN, BUILDS, codeProblem, immutablesOf, roleHash } from './build.js';
import type { ChainClient } from './chain-client.js';
import { logsOf } from './chain-logs.js';
import { ChainRefusal } from './chain-refusal.js';
import { planDeployment, type DeployPlan, type RoleGrant, type Step } from './deploy-plan.js';
import { settingsFor, type DeployOptions, type DeploySettings } from './deploy-settings.js';
import { flockAbi } from './gen/index.js';
import { sendSteps, transactionsOf, type SendOptions, type StepDone } from './send-steps.js';

export interface DeployHooks extends SendOptions {
  /** Told once, before the first transaction: how many steps were done by an earlier run. */
  readonly onStart?: (doneBefore: number, of: number) => void;
}

const GRANTED = toEventSelector('RoleGranted(bytes32,address,address)');

/**
 * Deploys and wires all contracts from `client`'s account, which must be used for nothing else before: step n is the
 * account's transaction n, so a run that was killed anywhere goes on where it stopped and a finished one changes nothing.
 * Throws a `ChainRefusal` where the account's first transactions were something else.
 */
export async function deployContracts(client: ChainClient, settings: DeploySettings, hooks: DeployHooks = {}): Promise<AddressBook> {
  const plan = planDeployment(await client.reader.getChainId(), client.address, settings);
  const done = Math.min(await transactionsOf(client, client.address, hooks), plan.steps.length);
  await requireDone(client, plan, settings, done);
  hooks.onStart?.(done, plan.steps.length);
  let first: bigint | undefined;
  const onStep = (step: StepDone): void => {
    if (step.index === 0) first = step.blockNumber;
    hooks.onStep?.(step);
  };
  await sendSteps(client, plan.steps, done, { ...hooks, onStep });
  const fromBlock = first ?? (await firstBlockOf(client, plan.book.flock));
  return { ...plan.book, fromBlock };
}

/**
 * Deploys all contracts on a devnet: the deployer is everything that `options` name nobody for, stakes leave and cases end at
 * once unless `options` say otherwise, and epochs count from the chain's first block.
 */
export async function deployAll(client: ChainClient, options: DeployOptions = {}): Promise<AddressBook> {
  const { timestamp } = await client.reader.getBlock({ blockNumber: 0n });
  return deployContracts(client, settingsFor(client.address, timestamp, { unbondingSeconds: 0n, appealSeconds: 0n, ...options }));
}

/** Every step that the account's transactions stand for must have had its effect, else they were not these steps. */
async function requireDone(client: ChainClient, plan: DeployPlan, settings: DeploySettings, done: number): Promise<void> {
  const steps = plan.steps.slice(0, done);
  const immutables = immutablesOf({ ...plan.book, fromBlock: 0n }, settings);
  const problems = await Promise.all(
    steps.map(async (step, index) => {
      const problem = await problemOf(client, plan, step, immutables, steps.slice(index + 1));
      return problem === undefined ? [] : [`transaction ${index} of ${client.address} is not "${step.label}" with these settings (${problem})`];
    }),
  );
  const [first] = problems.flat();
  if (first !== undefined) throw new ChainRefusal('other-transactions', `${first}; deploy from a fresh account, or with the settings that it began with`);
}

const sameGrant = (a: RoleGrant, b: RoleGrant): boolean => a.contract === b.contract && a.role === b.role && a.account === b.account;

async function problemOf(client: ChainClient, { book }: DeployPlan, { effect }: Step, immutables: ReturnType<typeof immutablesOf>, later: readonly Step[]): Promise<string | undefined> {
  if (effect.kind === 'code') {
    const { contract } = effect;
    const problem = codeProblem(BUILDS[contract], await client.reader.getCode({ address: book[contract] }), immutables[contract]);
    return problem === undefined ? undefined : `${contract} ${problem}`;
  }
  if (effect.kind === 'mint') {
    const supply = await client.reader.readContract({ address: book.flock, abi: flockAbi, functionName: 'totalSupply' });
    return supply >= effect.amount ? undefined : `the supply is ${supply}`;
  }
  const { grant, held } = effect;
  if (later.some((step) => step.effect.kind === 'role' && sameGrant(step.effect.grant, grant))) return undefined;
  const has = await hasRole(client, book[grant.contract], grant.role, grant.account);
  return has === held ? undefined : `the role is ${has ? 'still held' : 'not held'}`;
}

/** Whether an account holds a role of a contract. */
export const hasRole = ({ reader }: Pick<ChainClient, 'reader'>, address: Address, role: string, account: Address): Promise<boolean> =>
  reader.readContract({ address, abi: flockAbi, functionName: 'hasRole', args: [roleHash(role), account] });

/** The block in which FLOCK's constructor made the deployer its administrator: the first of the deployment. */
async function firstBlockOf({ reader, address }: ChainClient, flock: Address): Promise<bigint> {
  const latest = await reader.getBlockNumber({ cacheTime: 0 });
  const [log] = await logsOf(reader, { address: [flock], topics: [GRANTED, roleHash(ADMIN), pad(address)] }, 0n, latest, 1);
  if (log === undefined || log.blockNumber === null) throw new ChainRefusal('no-logs', `the endpoint has no log of ${flock}, which is deployed`);
  return log.blockNumber;
}
