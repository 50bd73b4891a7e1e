import { encodeDeployData, encodeFunctionData, getContractAddress, zeroAddress, type Address, type Hex } from 'viem';
import { CONTRACT_NAMES, type AddressBook, type ContractName } from './address-book.js';
import { ADMIN, BUILDS, roleHash } from './build.js';
import type { DeploySettings } from './deploy-settings.js';
import { flockAbi } from './gen/index.js';

/** One holder of one role. */
export interface RoleGrant {
  readonly contract: ContractName;
  readonly role: string;
  readonly account: Address;
}

/** One transaction of a deployment. What belongs to one phase needs nothing else of that phase to be mined. */
export interface Step {
  readonly label: string;
  readonly phase: number;
  readonly to?: Address;
  readonly data: Hex;
  readonly effect:
    | { readonly kind: 'code'; readonly contract: ContractName }
    | { readonly kind: 'role'; readonly grant: RoleGrant; readonly held: boolean }
    | { readonly kind: 'mint'; readonly amount: bigint };
}

/** What a deployment is for one deployer: addresses, and transactions in order. */
export interface DeployPlan {
  readonly book: Omit<AddressBook, 'fromBlock'>;
  readonly steps: readonly Step[];
}

/** Contracts that the deployer makes by its transactions 0, 1, 2 …; the code of pools is made by their manager. */
const MADE = CONTRACT_NAMES.filter((name) => name !== 'poolCode');
/** Contracts whose administrator the deployer is at first. The time lock administrates itself. */
const OWNED = MADE.filter((name) => name !== 'timelock' && name !== 'emission');
/** Whose administrator could otherwise pass the time lock by: it could mint, or make itself manager of parameters. */
const BEHIND_TIMELOCK: readonly ContractName[] = ['flock', 'gmFlock', 'gmExchange', 'parameterRegistry'];

/** Addresses follow from the deployer and the number of its transaction. */
export function plannedBook(chainId: number, deployer: Address): Omit<AddressBook, 'fromBlock'> {
  const at = (from: Address, nonce: number): Address => getContractAddress({ from, nonce: BigInt(nonce) }).toLowerCase() as Address;
  const made = Object.fromEntries(MADE.map((name, nonce) => [name, at(deployer, nonce)])) as Record<ContractName, Address>;
  return { chainId, ...made, poolCode: at(made.poolManager, 1) };
}

type Book = Omit<AddressBook, 'fromBlock'>;

function argumentsOf(book: Book, deployer: Address, settings: DeploySettings): Readonly<Record<string, readonly unknown[]>> {
  const clock = [settings.genesisSeconds, settings.epochSeconds] as const;
  const { treasury, ownFeeBps, delegatorFeeBps, reporterBps, delegationCap, unbondingSeconds, appealSeconds } = settings;
  const poolConfig = {
    flock: book.flock, gmFlock: book.gmFlock, stakes: book.taskStaking, rewards: book.rewards, registry: book.parameterRegistry,
    genesis: clock[0], epochSeconds: clock[1], exitSeconds: settings.exitSeconds, coolDownSeconds: settings.coolDownSeconds,
  };
  const sigma = {
    noticeSeconds: Number(settings.sigmaNoticeSeconds), intervalSeconds: Number(settings.sigmaIntervalSeconds), freezeSeconds: Number(settings.sigmaFreezeSeconds),
  };
  const neighbours = { pools: book.poolManager, rewards: book.rewards, slashed: book.slashedRewards, registry: book.parameterRegistry };
  return {
    flock: [settings.flockSymbol, settings.flockSymbol, deployer],
    gmFlock: [settings.gmFlockSymbol, settings.gmFlockSymbol, deployer],
    gmExchange: [book.flock, book.gmFlock, treasury, settings.feeBps, settings.minimumLock, deployer],
    taskStaking: [book.gmFlock, deployer, { ...neighbours, unbondingSeconds, appealSeconds }],
    parameterRegistry: [{ treasury, ownFeeBps, delegatorFeeBps, reporterBps, delegationCap }, deployer],
    timelock: [settings.timelockSeconds, settings.multisig ?? deployer],
    rewards: [book.flock, book.parameterRegistry, book.poolManager, true, ...clock, deployer],
    slashedRewards: [book.gmFlock, book.parameterRegistry, zeroAddress, false, ...clock, deployer],
    poolManager: [poolConfig, sigma, deployer],
    emission: [book.flock, book.rewards, ...clock],
    federationTask: [book.flock, book.gmFlock, book.parameterRegistry, deployer],
  };
}

/** Roles that the wiring grants, the administrators' apart. */
function workingRoles(book: Book, settings: DeploySettings): RoleGrant[] {
  const { multisig, minter, operator, rewardOperator, caseOperator, pauser, grantor } = settings;
  const grant = (contract: ContractName, role: string, account: Address): RoleGrant => ({ contract, role: `${role}_ROLE`, account });
  return [
    grant('flock', 'MINTER', book.emission),
    ...(minter === undefined ? [] : [grant('flock', 'MINTER', minter)]),
    grant('gmFlock', 'MINTER', book.gmExchange),
    grant('gmFlock', 'REGISTRAR', book.poolManager),
    ...([book.taskStaking, book.slashedRewards, book.federationTask].map((holder) => grant('gmFlock', 'REGISTERED', holder))),
    // On a devnet nobody waits for a time lock.
    grant('gmExchange', 'MANAGER', multisig === undefined ? operator : book.timelock),
    grant('gmExchange', 'GRANTOR', grantor),
    grant('parameterRegistry', 'MANAGER', book.timelock),
    ...(['rewards', 'slashedRewards'] as const).flatMap((name) => [grant(name, 'REWARD_OPERATOR', rewardOperator), grant(name, 'OPERATOR', operator)]),
    grant('taskStaking', 'OPERATOR', operator),
    grant('taskStaking', 'CASE', caseOperator),
    grant('federationTask', 'OPERATOR', operator),
    ...(['gmExchange', 'taskStaking', 'poolManager', 'federationTask'] as const).map((name) => grant(name, 'PAUSER', pauser)),
  ];
}

/** What the time lock's constructor grants; the zero address means that anyone may execute. */
const timelockRoles = (book: Book, proposer: Address): RoleGrant[] => [
  { contract: 'timelock', role: ADMIN, account: book.timelock },
  { contract: 'timelock', role: 'PROPOSER_ROLE', account: proposer },
  { contract: 'timelock', role: 'CANCELLER_ROLE', account: proposer },
  { contract: 'timelock', role: 'EXECUTOR_ROLE', account: zeroAddress },
];

function roleStep(book: Book, grant: RoleGrant, phase: number, held = true): Step {
  const { contract, role, account } = grant;
  const args = [roleHash(role), account] as const;
  const data = held ? encodeFunctionData({ abi: flockAbi, functionName: 'grantRole', args }) : encodeFunctionData({ abi: flockAbi, functionName: 'renounceRole', args });
  const label = `${held ? 'grant' : 'renounce'} ${role} of ${contract}${held ? ` to ${account}` : ''}`;
  return { label, phase, to: book[contract], data, effect: { kind: 'role', grant, held } };
}

/** The deployer mints the supply that there is from the start, and may mint no more afterwards. */
function supplySteps(book: Book, deployer: Address, { genesisSupply, multisig, minter }: DeploySettings): Step[] {
  if (genesisSupply === 0n) return [];
  const mayMint = { contract: 'flock', role: 'MINTER_ROLE', account: deployer } as const;
  const data = encodeFunctionData({ abi: flockAbi, functionName: 'mint', args: [multisig ?? deployer, genesisSupply] });
  const mint: Step = { label: `mint ${genesisSupply} base units of FLOCK`, phase: 2, to: book.flock, data, effect: { kind: 'mint', amount: genesisSupply } };
  return minter === deployer ? [mint] : [roleStep(book, mayMint, 1), mint, roleStep(book, mayMint, 3, false)];
}

const adminOf = (book: Book, deployer: Address, { multisig }: DeploySettings, contract: ContractName): Address =>
  multisig === undefined ? deployer : BEHIND_TIMELOCK.includes(contract) ? book.timelock : multisig;

const adminsOf = (book: Book, deployer: Address, settings: DeploySettings): RoleGrant[] =>
  OWNED.map((contract) => ({ contract, role: ADMIN, account: adminOf(book, deployer, settings, contract) }));

/** Who holds which role of these contracts once they are deployed, wired and handed over. */
export const plannedRoles = (book: Book, deployer: Address, settings: DeploySettings): RoleGrant[] => [
  ...adminsOf(book, deployer, settings),
  ...workingRoles(book, settings),
  ...timelockRoles(book, settings.multisig ?? deployer),
];

/** Plans a deployment by `deployer`, an account that has never sent a transaction. */
export function planDeployment(chainId: number, deployer: Address, settings: DeploySettings): DeployPlan {
  const book = plannedBook(chainId, deployer);
  const given = argumentsOf(book, deployer, settings);
  const creates = MADE.map((contract): Step => {
    const { abi, bytecode, title } = BUILDS[contract];
    return { label: `deploy ${title} as ${contract}`, phase: 0, data: encodeDeployData({ abi, bytecode, args: [...given[contract]!] }), effect: { kind: 'code', contract } };
  });
  const handover = settings.multisig === undefined ? [] : [
    ...adminsOf(book, deployer, settings).map((admin) => roleStep(book, admin, 1)),
    ...OWNED.map((contract) => roleStep(book, { contract, role: ADMIN, account: deployer }, 3, false)),
  ];
  const wiring = workingRoles(book, settings).map((grant) => roleStep(book, grant, 1));
  const steps = [...creates, ...wiring, ...supplySteps(book, deployer, settings), ...handover].sort((a, b) => a.phase - b.phase);
  return { book, steps };
}
