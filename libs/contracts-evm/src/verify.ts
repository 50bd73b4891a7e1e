import { parseEventLogs, toEventSelector, type Address, type PublicClient } from 'viem';
import { CONTRACT_NAMES, type AddressBook, type ContractName } from './address-book.js';
import { ADMIN, BUILDS, codeProblem, immutablesOf, roleHash, rolesOf } from './build.js';
import { logsOf } from './chain-logs.js';
import { hasRole } from './deploy.js';
import { plannedBook, plannedRoles, type RoleGrant } from './deploy-plan.js';
import type { DeploySettings } from './deploy-settings.js';
import type { Deployment } from './deployment.js';
import { emissionAbi, flockAbi, gmExchangeAbi, parameterRegistryAbi, parameterTimelockAbi, poolManagerAbi } from './gen/index.js';

/** What of a deployment is not as its file says. */
export interface Finding {
  readonly rule: 'chain' | 'address' | 'code' | 'parameter' | 'role' | 'deployer' | 'supply';
  readonly message: string;
}

/** What a verification found; everything is well where `findings` is empty. */
export interface Verification {
  readonly blockNumber: bigint;
  readonly checks: number;
  readonly findings: readonly Finding[];
}

type Check = () => Promise<readonly (string | undefined)[]>;

/** Names of contracts that have roles. */
const WITH_ROLES = CONTRACT_NAMES.filter((name) => rolesOf(name).length > 0);

const ROLE_EVENTS = ['RoleGranted(bytes32,address,address)', 'RoleRevoked(bytes32,address,address)', 'RoleAdminChanged(bytes32,bytes32,bytes32)'].map((event) => toEventSelector(event));

/**
 * Proves from the chain that a deployment is what its file says: code of this build with the right values in it, addresses that
 * follow from the deployer, parameters, and exactly the planned holders of every role, by the events and by asking.
 */
export async function verifyDeployment(reader: PublicClient, deployment: Deployment): Promise<Verification> {
  const { book } = deployment;
  const chainId = await reader.getChainId();
  const blockNumber = await reader.getBlockNumber({ cacheTime: 0 });
  if (chainId !== book.chainId) return { blockNumber, checks: 1, findings: [{ rule: 'chain', message: `the endpoint is for chain ${chainId}, the file for chain ${book.chainId}` }] };
  const checks: readonly (readonly [Finding['rule'], Check])[] = [
    ['address', async () => addresses(deployment)],
    ['code', () => codes(reader, deployment)],
    ['parameter', () => parameters(reader, deployment)],
    ['supply', () => supply(reader, deployment)],
    ['role', () => roleAdmins(reader, book)],
    ...(await roleChecks(reader, deployment, blockNumber)),
  ];
  const results = await Promise.all(checks.map(async ([rule, check]) => (await check()).map((message) => ({ rule, message }))));
  const all = results.flat();
  return { blockNumber, checks: all.length, findings: all.flatMap(({ rule, message }) => (message === undefined ? [] : [{ rule, message }])) };
}

function addresses({ book, deployer }: Deployment): (string | undefined)[] {
  const planned = plannedBook(book.chainId, deployer);
  return CONTRACT_NAMES.map((name) => (book[name] === planned[name] ? undefined : `${name}: ${book[name]} is not what ${deployer} deployed, which is ${planned[name]}`));
}

function codes(reader: PublicClient, { book, settings }: Deployment): Promise<(string | undefined)[]> {
  const immutables = immutablesOf(book, settings);
  return Promise.all(
    CONTRACT_NAMES.map(async (name) => {
      const problem = codeProblem(BUILDS[name], await reader.getCode({ address: book[name] }), immutables[name]);
      return problem === undefined ? undefined : `${name} (${book[name]}) ${problem}`;
    }),
  );
}

/** What can change and is not in the code: each as the settings have it. */
async function parameters(reader: PublicClient, { book, settings }: Deployment): Promise<(string | undefined)[]> {
  const registry = await reader.readContract({ address: book.parameterRegistry, abi: parameterRegistryAbi, functionName: 'values' });
  const exchange = { address: book.gmExchange, abi: gmExchangeAbi } as const;
  const [feeBps, minimumLock, treasury, timelockSeconds] = await Promise.all([
    reader.readContract({ ...exchange, functionName: 'feeBps' }),
    reader.readContract({ ...exchange, functionName: 'minimumLock' }),
    reader.readContract({ ...exchange, functionName: 'treasury' }),
    reader.readContract({ address: book.timelock, abi: parameterTimelockAbi, functionName: 'getMinDelay' }),
  ]);
  const symbols = await Promise.all([book.flock, book.gmFlock].map((address) => reader.readContract({ address, abi: flockAbi, functionName: 'symbol' })));
  const found: readonly (readonly [string, keyof DeploySettings, unknown])[] = [
    ...(['treasury', 'ownFeeBps', 'delegatorFeeBps', 'reporterBps', 'delegationCap'] as const).map((name) => ['parameterRegistry', name, registry[name]] as const),
    ['gmExchange', 'feeBps', feeBps],
    ['gmExchange', 'minimumLock', minimumLock],
    ['gmExchange', 'treasury', treasury],
    ['timelock', 'timelockSeconds', timelockSeconds],
    ['flock', 'flockSymbol', symbols[0]],
    ['gmFlock', 'gmFlockSymbol', symbols[1]],
  ];
  return found.map(([contract, name, value]) => {
    const same = String(value).toLowerCase() === String(settings[name]).toLowerCase();
    return same ? undefined : `${contract}: ${name} is ${String(value)}, the file says ${String(settings[name])}`;
  });
}

/** Where nobody but the emission mints, all FLOCK is the emission's or was there from the start. */
async function supply(reader: PublicClient, { book, settings }: Deployment): Promise<(string | undefined)[]> {
  if (settings.minter !== undefined) return [];
  const total = await reader.readContract({ address: book.flock, abi: flockAbi, functionName: 'totalSupply' });
  const minted = await reader.readContract({ address: book.emission, abi: emissionAbi, functionName: 'totalMinted' });
  return [total === minted + settings.genesisSupply ? undefined : `the supply is ${total}, the emission ${minted} and the start's supply ${settings.genesisSupply}`];
}

function roleAdmins(reader: PublicClient, book: AddressBook): Promise<(string | undefined)[]> {
  const each = WITH_ROLES.flatMap((contract) => rolesOf(contract).map((role) => ({ contract, role })));
  return Promise.all(
    each.map(async ({ contract, role }) => {
      const call = { address: book[contract], abi: flockAbi, functionName: 'getRoleAdmin', args: [roleHash(role)] } as const;
      return (await reader.readContract(call)) === roleHash(ADMIN) ? undefined : `${contract}: ${role} has another administrator than ${ADMIN}`;
    }),
  );
}

const keyOf = ({ contract, role, account }: RoleGrant): string => `${account} holds ${role} of ${contract}`;

/** Who holds what by the events since the contracts are there. Roles that no interface names are told by their number. */
async function holders(reader: PublicClient, book: AddressBook, toBlock: bigint): Promise<RoleGrant[]> {
  const names = new Map(WITH_ROLES.map((name) => [book[name], name]));
  const logs = await logsOf(reader, { address: [...names.keys()], topics: [ROLE_EVENTS] }, book.fromBlock, toBlock);
  const held = new Map<string, RoleGrant>();
  for (const { address, eventName, args } of parseEventLogs({ abi: flockAbi, logs, eventName: ['RoleGranted', 'RoleRevoked'] })) {
    const contract = names.get(address.toLowerCase() as Address) as ContractName;
    const role = rolesOf(contract).find((name) => roleHash(name) === args.role) ?? args.role;
    const grant = { contract, role, account: args.account.toLowerCase() as Address };
    if (eventName === 'RoleGranted') held.set(keyOf(grant), grant);
    else held.delete(keyOf(grant));
  }
  return [...held.values()];
}

/** Pools are registered as gmFLOCK's holders by their manager as they are opened: that is no grant of anybody's. */
async function isPool(reader: PublicClient, book: AddressBook, { contract, role, account }: RoleGrant): Promise<boolean> {
  if (contract !== 'gmFlock' || role !== 'REGISTERED_ROLE') return false;
  const owner = await reader.readContract({ address: book.poolManager, abi: poolManagerAbi, functionName: 'ownerOf', args: [account] });
  return !/^0x0{40}$/.test(String(owner));
}

async function roleChecks(reader: PublicClient, { book, deployer, settings }: Deployment, toBlock: bigint): Promise<[Finding['rule'], Check][]> {
  const planned = plannedRoles(book, deployer, settings);
  const found = await holders(reader, book, toBlock);
  const client = { reader };
  const has = ({ contract, role, account }: RoleGrant): Promise<boolean> => hasRole(client, book[contract], role, account);
  const plannedKeys = new Set(planned.map(keyOf));
  const foundKeys = new Set(found.map(keyOf));
  const missing: Check = () => Promise.all(planned.map(async (grant) => (foundKeys.has(keyOf(grant)) && (await has(grant)) ? undefined : `not so: ${keyOf(grant)}`)));
  const unplanned: Check = () => Promise.all(found.map(async (grant) => (plannedKeys.has(keyOf(grant)) || (await isPool(reader, book, grant)) ? undefined : `not planned: ${keyOf(grant)}`)));
  const every = WITH_ROLES.flatMap((contract) => rolesOf(contract).map((role): RoleGrant => ({ contract, role, account: deployer })));
  const kept: Check = () => Promise.all(every.map(async (grant) => ((await has(grant)) || foundKeys.has(keyOf(grant)) ? `the deployer keeps something: ${keyOf(grant)}` : undefined)));
  return [['role', missing], ['role', unplanned], ...(settings.multisig === undefined ? [] : [['deployer', kept] as [Finding['rule'], Check]])];
}
