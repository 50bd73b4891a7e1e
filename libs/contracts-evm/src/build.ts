import { encodeAbiParameters, keccak256, stringToHex, toHex, type Abi, type Address, type Hex } from 'viem';
import type { AddressBook, ContractName } from './address-book.js';
import type { DeploySettings } from './deploy-settings.js';
import * as gen from './gen/index.js';

/** What the compiler made of one contract. */
export interface Build {
  /** Name of the Solidity contract. */
  readonly title: string;
  readonly abi: Abi;
  readonly bytecode: Hex;
  readonly runtime: { readonly start: number; readonly length: number; readonly immutables: Readonly<Record<string, readonly number[]>> };
}

/** Each contract of a deployment as it was built. */
export const BUILDS: Readonly<Record<ContractName, Build>> = {
  flock: { title: 'Flock', abi: gen.flockAbi, bytecode: gen.flockBytecode, runtime: gen.flockRuntime },
  gmFlock: { title: 'GmFlock', abi: gen.gmFlockAbi, bytecode: gen.gmFlockBytecode, runtime: gen.gmFlockRuntime },
  gmExchange: { title: 'GmExchange', abi: gen.gmExchangeAbi, bytecode: gen.gmExchangeBytecode, runtime: gen.gmExchangeRuntime },
  taskStaking: { title: 'TaskStaking', abi: gen.taskStakingAbi, bytecode: gen.taskStakingBytecode, runtime: gen.taskStakingRuntime },
  parameterRegistry: { title: 'ParameterRegistry', abi: gen.parameterRegistryAbi, bytecode: gen.parameterRegistryBytecode, runtime: gen.parameterRegistryRuntime },
  timelock: { title: 'ParameterTimelock', abi: gen.parameterTimelockAbi, bytecode: gen.parameterTimelockBytecode, runtime: gen.parameterTimelockRuntime },
  rewards: { title: 'Rewards', abi: gen.rewardsAbi, bytecode: gen.rewardsBytecode, runtime: gen.rewardsRuntime },
  slashedRewards: { title: 'Rewards', abi: gen.rewardsAbi, bytecode: gen.rewardsBytecode, runtime: gen.rewardsRuntime },
  poolManager: { title: 'PoolManager', abi: gen.poolManagerAbi, bytecode: gen.poolManagerBytecode, runtime: gen.poolManagerRuntime },
  emission: { title: 'Emission', abi: gen.emissionAbi, bytecode: gen.emissionBytecode, runtime: gen.emissionRuntime },
  federationTask: { title: 'FederationTask', abi: gen.federationTaskAbi, bytecode: gen.federationTaskBytecode, runtime: gen.federationTaskRuntime },
  poolCode: { title: 'DelegationPool', abi: gen.delegationPoolAbi, bytecode: gen.delegationPoolBytecode, runtime: gen.delegationPoolRuntime },
};

/** Value of an immutable as its word in the code. */
type Immutable = Address | bigint | boolean | Hex;
type Immutables = Readonly<Record<string, Immutable>>;

const word = (value: Immutable): string => (typeof value === 'string' ? value.slice(2).padStart(64, '0') : toHex(BigInt(value), { size: 32 }).slice(2)).toLowerCase();

/** OpenZeppelin keeps a short text as its bytes and, in the last byte, their number. */
function shortText(text: string): Hex {
  const bytes = stringToHex(text).slice(2);
  return `0x${bytes.padEnd(62, '0')}${(bytes.length / 2).toString(16).padStart(2, '0')}`;
}

const EIP712 = keccak256(stringToHex('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'));

function permitDomain(book: AddressBook, name: string): Immutables {
  const [hashedName, hashedVersion] = [keccak256(stringToHex(name)), keccak256(stringToHex('1'))];
  const types = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'address' }] as const;
  const separator = keccak256(encodeAbiParameters(types, [EIP712, hashedName, hashedVersion, BigInt(book.chainId), book.flock]));
  return {
    _cachedDomainSeparator: separator, _cachedChainId: BigInt(book.chainId), _cachedThis: book.flock,
    _hashedName: hashedName, _hashedVersion: hashedVersion, _name: shortText(name), _version: shortText('1'),
  };
}

/** The value that each immutable of each contract must have: neighbours and parameters that can never change. */
export function immutablesOf(book: AddressBook, settings: DeploySettings): Readonly<Record<ContractName, Immutables>> {
  const clock = { genesis: settings.genesisSeconds, epochSeconds: settings.epochSeconds };
  const registry = book.parameterRegistry;
  const payer = { registry, ...clock };
  return {
    flock: { ...permitDomain(book, settings.flockSymbol), _cap: 10n ** 27n },
    gmFlock: {},
    gmExchange: { flock: book.flock, gmFlock: book.gmFlock },
    taskStaking: {
      gmFlock: book.gmFlock, pools: book.poolManager, rewards: book.rewards, slashed: book.slashedRewards, registry,
      unbondingSeconds: settings.unbondingSeconds, appealSeconds: settings.appealSeconds,
    },
    parameterRegistry: {},
    timelock: {},
    rewards: { ...payer, token: book.flock, pools: book.poolManager, takesFee: true },
    slashedRewards: { ...payer, token: book.gmFlock, pools: 0n, takesFee: false },
    poolManager: {
      gmFlock: book.gmFlock, stakes: book.taskStaking, poolCode: book.poolCode,
      _noticeSeconds: settings.sigmaNoticeSeconds, _intervalSeconds: settings.sigmaIntervalSeconds, _freezeSeconds: settings.sigmaFreezeSeconds,
    },
    emission: { ...clock, flock: book.flock, rewards: book.rewards },
    federationTask: { flock: book.flock, gmFlock: book.gmFlock, registry },
    poolCode: {
      ...clock, _flock: book.flock, _gmFlock: book.gmFlock, _stakes: book.taskStaking, _rewards: book.rewards, _manager: book.poolManager,
      _registry: registry, exitSeconds: settings.exitSeconds, coolDownSeconds: settings.coolDownSeconds,
    },
  };
}

/** The runtime code that a contract must have on chain, its immutables filled in. Throws for an immutable without a value. */
export function runtimeCode({ title, bytecode, runtime }: Build, immutables: Immutables): Hex {
  const code = bytecode.slice(2 + runtime.start * 2, 2 + (runtime.start + runtime.length) * 2).split('');
  for (const [name, places] of Object.entries(runtime.immutables)) {
    const value = immutables[name];
    if (value === undefined) throw new Error(`no value is known for the immutable ${name} of ${title}`);
    for (const at of places) code.splice(at * 2, 64, ...word(value));
  }
  return `0x${code.join('')}`;
}

/** What is wrong with the code that the chain has at a contract's address: nothing, or words that say it. */
export function codeProblem(build: Build, code: Hex | undefined, immutables: Immutables): string | undefined {
  if (code === undefined || code === '0x') return 'has no code';
  const expected = runtimeCode(build, immutables);
  if (code.toLowerCase() === expected) return undefined;
  const masked = (text: string): string => mask(text, Object.values(build.runtime.immutables).flat());
  if (code.length !== expected.length || masked(code.toLowerCase()) !== masked(expected)) return `has other code than this build's ${build.title}`;
  const wordAt = (text: string, at: number): string => text.slice(2 + at * 2, 2 + at * 2 + 64).toLowerCase();
  const wrong = Object.entries(build.runtime.immutables).filter(([, places]) => places.some((at) => wordAt(code, at) !== wordAt(expected, at)));
  return `has other values in its code: ${wrong.map(([name, [at]]) => `${name} is 0x${wordAt(code, at ?? 0).replace(/^0+/, '') || '0'}`).join(', ')}`;
}

function mask(code: string, places: readonly number[]): string {
  const digits = code.split('');
  for (const at of places) digits.fill('0', 2 + at * 2, 2 + at * 2 + 64);
  return digits.join('');
}

/** Every role of a contract, as its interface names them; the administrator's first. Empty for contracts without roles. */
export const rolesOf = (name: ContractName): string[] =>
  BUILDS[name].abi
    .flatMap((item) => (item.type === 'function' && item.name.endsWith('_ROLE') ? [item.name] : []))
    .sort((a, b) => Number(b === ADMIN) - Number(a === ADMIN) || (a < b ? -1 : 1));

/** The role that grants and revokes the others. */
export const ADMIN = 'DEFAULT_ADMIN_ROLE';

/** A role's number on chain. */
export const roleHash = (role: string): Hex => (role === ADMIN ? toHex(0, { size: 32 }) : keccak256(toHex(role)));
