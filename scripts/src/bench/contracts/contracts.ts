import { delegationPoolAbi, emissionAbi, federationTaskAbi, gmExchangeAbi, poolManagerAbi, rewardsAbi, roleNumber, taskStakingAbi, type ChainClient } from '@skein/contracts-evm';
import { pad, zeroAddress, zeroHash, type Address } from 'viem';
import { approval, DAY_SECONDS, keyOf, OTHER_TASK, Stage, TASK, TOKEN, treeOf, type Call } from './stage.js';

/** Gas of one call as its receipt says; `goal` where there is one. */
export interface CallGas {
  readonly call: string;
  readonly gas: number;
  readonly goal?: number;
}

/** What `npm run bench -- contracts` prints. */
export interface ContractFigures {
  readonly chain: string;
  readonly proofDepth: number;
  readonly calls: readonly CallGas[];
  readonly goalsMet: boolean;
}

const DEPTH = 16;
const NODE = roleNumber('node');

/** Measures the gas of the calls that users pay for, on a fresh devnet, from the receipts. */
export async function benchContracts(): Promise<ContractFigures> {
  const stage = await Stage.start();
  try {
    const table = new Table(stage);
    for (const part of [locks, stakes, claims, pools, federation, withdrawals]) await part(stage, table);
    return { chain: await stage.version(), proofDepth: DEPTH, calls: table.rows, goalsMet: table.rows.every(({ gas, goal }) => goal === undefined || gas <= goal) };
  } finally {
    await stage.stop();
  }
}

class Table {
  readonly rows: CallGas[] = [];
  readonly #stage: Stage;
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async measure(call: string, client: ChainClient, what: Call, goal?: number): Promise<void> {
    const gas = Number(await this.#stage.send(client, what));
    this.rows.push({ call, gas, ...(goal === undefined ? {} : { goal }) });
    process.stderr.write(`${String(gas).padStart(9)}  ${call}\n`);
  }
}

const exchange = ({ book }: Stage, functionName: string, ...args: unknown[]): Call => ({ address: book.gmExchange, abi: gmExchangeAbi, functionName, args });
const staking = ({ book }: Stage, functionName: string, ...args: unknown[]): Call => ({ address: book.taskStaking, abi: taskStakingAbi, functionName, args });
const rewards = ({ book }: Stage, functionName: string, ...args: unknown[]): Call => ({ address: book.rewards, abi: rewardsAbi, functionName, args });
const federated = ({ book }: Stage, functionName: string, ...args: unknown[]): Call => ({ address: book.federationTask, abi: federationTaskAbi, functionName, args });
const ofPool = (address: Address, functionName: string, ...args: unknown[]): Call => ({ address, abi: delegationPoolAbi, functionName, args });

async function locks(stage: Stage, table: Table): Promise<void> {
  const person = await stage.person('locks');
  await table.measure('lock', person, exchange(stage, 'lock', 10n * TOKEN, 0n));
  const lockId = await person.reader.readContract({ address: stage.book.gmExchange, abi: gmExchangeAbi, functionName: 'lockCount' });
  await table.measure('redeem a part', person, exchange(stage, 'redeem', lockId, 5n * TOKEN));
}

async function stakes(stage: Stage, table: Table): Promise<void> {
  const person = await stage.person('stakes');
  const stake = (task: string): Call => staking(stage, 'stake', keyOf(task), NODE, 100n * TOKEN);
  await table.measure("stake, an account's first", person, stake(TASK));
  await table.measure('stake, an account seen before', person, stake(TASK), 120_000);
  await table.measure("stake, an account's first on another task", person, stake(OTHER_TASK));
}

/** Posts a root with one grant and lets it become active; the claim against it. */
async function claimOf(stage: Stage, epoch: bigint, account: Address, total: bigint, sum = total): Promise<Call> {
  const { grant, root, proof } = treeOf(account, total, stage.book, DEPTH);
  await stage.send(stage.admin, rewards(stage, 'postRoot', epoch, root, sum));
  await stage.pass(DAY_SECONDS);
  return rewards(stage, 'claim', epoch, grant, proof);
}

async function claims(stage: Stage, table: Table): Promise<void> {
  const [person, anyone] = [await stage.person('claims'), await stage.person('anyone')];
  await stage.pass(DAY_SECONDS);
  await table.measure('mint an epoch', anyone, { address: stage.book.emission, abi: emissionAbi, functionName: 'mint', args: [0n] });
  for (const [at, name] of ["claim at depth 16, an account's first", 'claim at depth 16, an account seen before'].entries()) {
    const call = await claimOf(stage, BigInt(at), person.address, BigInt(at + 1) * 123n * TOKEN + 456_789n);
    await table.measure(name, anyone, call, at === 0 ? undefined : 90_000);
  }
}

async function pools(stage: Stage, table: Table): Promise<void> {
  const { book, admin } = stage;
  const [owner, delegator] = [await stage.person('owner'), await stage.person('delegator')];
  await stage.send(owner, staking(stage, 'stake', keyOf(TASK), NODE, 100n * TOKEN));
  await table.measure('open a pool', owner, { address: book.poolManager, abi: poolManagerAbi, functionName: 'createPool', args: [0] });
  const pool = await admin.reader.readContract({ address: book.poolManager, abi: poolManagerAbi, functionName: 'poolOf', args: [owner.address] });
  await stage.send(delegator, approval(book.gmFlock, pool));
  await table.measure("delegate, an account's first", delegator, ofPool(pool, 'delegate', 100n * TOKEN));
  await table.measure('delegate again in the same epoch', delegator, ofPool(pool, 'delegate', 100n * TOKEN));
  await stage.pass(4 * DAY_SECONDS);
  const epoch = (await admin.reader.readContract({ address: book.emission, abi: emissionAbi, functionName: 'currentEpoch' })) - 1n;
  // The root's sum is over all that was ever granted, the earlier claims' as well.
  await table.measure('claim at depth 16 that funds a pool', owner, await claimOf(stage, epoch, pool, 500n * TOKEN, 1_000n * TOKEN));
  await table.measure("claim from a pool, an account's first", delegator, ofPool(pool, 'claim'));
  await table.measure('undelegate', delegator, ofPool(pool, 'undelegate', 50n * TOKEN));
  await stage.pass(10 * DAY_SECONDS);
  await table.measure('take an exit', delegator, ofPool(pool, 'withdraw', 1n));
  const caseId = pad('0xca5e');
  await table.measure('open a case', admin, staking(stage, 'openCase', caseId, keyOf(TASK), NODE, owner.address, delegator.address, 10n * TOKEN, zeroHash));
  await stage.pass(7 * DAY_SECONDS);
  await table.measure('slash owner and pool', admin, staking(stage, 'slash', caseId, 10n * TOKEN));
}

async function federation(stage: Stage, table: Table): Promise<void> {
  const { admin, book } = stage;
  const members = [await stage.person('member-1'), await stage.person('member-2')];
  const end = (await admin.reader.getBlock()).timestamp + BigInt(30 * DAY_SECONDS);
  await stage.send(admin, federated(stage, 'createTask', keyOf(TASK), { sponsor: admin.address, latestEnd: end, rounds: 2, slashBps: 1000, threshold: TOKEN }));
  await stage.send(members[0]!, approval(book.flock, book.federationTask));
  await table.measure("fund a federated task's pool", members[0]!, federated(stage, 'fund', keyOf(TASK), 1_000n * TOKEN));
  for (const [at, member] of members.entries()) await table.measure(at === 0 ? "join, a task's first" : 'join', member, federated(stage, 'join', keyOf(TASK), 100n * TOKEN));
  await table.measure('open a round', admin, federated(stage, 'openRound', keyOf(TASK), 0));
  const [first, second] = members.map(({ address }) => address).sort();
  const slashes = [{ wallet: first, amount: 5n * TOKEN }];
  await table.measure('settle a round: one slash, one pay', admin, federated(stage, 'settle', keyOf(TASK), 0, zeroAddress, slashes, [{ wallet: second, flock: 50n * TOKEN, gm: TOKEN }]));
  await table.measure('take what settlements paid', members.find(({ address }) => address === second)!, federated(stage, 'take'));
}

async function withdrawals(stage: Stage, table: Table): Promise<void> {
  const person = await stage.person('leaves');
  const task = pad('0x07', { size: 16 });
  const end = (await person.reader.getBlock()).timestamp + BigInt(DAY_SECONDS);
  await stage.send(stage.admin, staking(stage, 'openTask', task, end));
  await stage.send(person, staking(stage, 'stake', task, NODE, 100n * TOKEN));
  await stage.send(stage.admin, staking(stage, 'cancelTask', task));
  await table.measure('withdraw a stake', person, staking(stage, 'withdraw', task, NODE));
}
