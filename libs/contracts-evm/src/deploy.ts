import { encodeFunctionData, getContractAddress, keccak256, toHex, zeroAddress, type Abi, type Address, type Hex } from 'viem';
import type { AddressBook } from './address-book.js';
import { mined, type ChainClient } from './chain-client.js';
import {
  flockAbi,
  flockBytecode,
  gmExchangeAbi,
  gmExchangeBytecode,
  gmFlockAbi,
  gmFlockBytecode,
  taskStakingAbi,
  taskStakingBytecode,
} from './gen/index.js';

/** Who may do what, and the exchange's parameters. Amounts in base units. */
export interface DeployOptions {
  /** Opens and finishes tasks. Default: the deployer. */
  readonly operator?: Address;
  /** Mints FLOCK. Default: the deployer. */
  readonly minter?: Address;
  /** Receives conversion fees. Default: the deployer. */
  readonly treasury?: Address;
  readonly feeBps?: number;
  readonly minimumLock?: bigint;
  /** From a task's end of final validation until its stakes may leave, in seconds. Default: none. */
  readonly unbondingSeconds?: bigint;
  readonly symbols?: { readonly flock: string; readonly gmFlock: string };
}

/** Conversion fee of a lock in basis points. */
export const CONVERSION_FEE_BPS = 513;
/** Least FLOCK of one lock: one whole token. */
export const MINIMUM_LOCK = 10n ** 18n;

type Step = { readonly create: { abi: Abi; bytecode: Hex; args: unknown[] } } | { readonly call: { to: Address; data: Hex } };

const roleHash = (name: string): Hex => keccak256(toHex(name));

function stepsOf(deployer: Address, at: (nonce: number) => Address, options: DeployOptions): Step[] {
  const symbols = options.symbols ?? { flock: 'FLOCK', gmFlock: 'gmFLOCK' };
  const operator = options.operator ?? deployer;
  const grant = (to: Address, role: string, account: Address): Step => ({
    call: { to, data: encodeFunctionData({ abi: flockAbi, functionName: 'grantRole', args: [roleHash(role), account] }) },
  });
  const [flock, gmFlock, gmExchange, taskStaking] = [at(0), at(1), at(2), at(3)];
  // Own stakes only: no pools, no cases, no rewards on chain.
  const none = { pools: zeroAddress, rewards: zeroAddress, slashed: zeroAddress, registry: zeroAddress, appealSeconds: 0n };
  const stakingArgs = [gmFlock, deployer, { ...none, unbondingSeconds: options.unbondingSeconds ?? 0n }];
  const exchangeArgs = [
    flock,
    gmFlock,
    options.treasury ?? deployer,
    options.feeBps ?? CONVERSION_FEE_BPS,
    options.minimumLock ?? MINIMUM_LOCK,
    deployer,
  ];
  return [
    { create: { abi: flockAbi, bytecode: flockBytecode, args: [symbols.flock, symbols.flock, deployer] } },
    { create: { abi: gmFlockAbi, bytecode: gmFlockBytecode, args: [symbols.gmFlock, symbols.gmFlock, deployer] } },
    { create: { abi: gmExchangeAbi, bytecode: gmExchangeBytecode, args: exchangeArgs } },
    { create: { abi: taskStakingAbi, bytecode: taskStakingBytecode, args: stakingArgs } },
    grant(flock, 'MINTER_ROLE', options.minter ?? deployer),
    grant(gmFlock, 'MINTER_ROLE', gmExchange),
    grant(gmFlock, 'REGISTERED_ROLE', taskStaking),
    grant(gmExchange, 'MANAGER_ROLE', deployer),
    grant(taskStaking, 'OPERATOR_ROLE', operator),
  ];
}

/**
 * Deploys everything from `client`'s account, which must be used for nothing else before: step n is the account's
 * transaction n, so a run that was killed half way goes on where it stopped and a finished one changes nothing.
 */
export async function deployAll(client: ChainClient, options: DeployOptions = {}): Promise<AddressBook> {
  const at = (nonce: number): Address =>
    getContractAddress({ from: client.address, nonce: BigInt(nonce) }).toLowerCase() as Address;
  const steps = stepsOf(client.address, at, options);
  const done = await client.reader.getTransactionCount({ address: client.address, blockTag: 'latest' });
  for (const [index, step] of steps.entries()) {
    if (index < done) continue;
    const hash =
      'create' in step
        ? await client.wallet.deployContract({ ...step.create, nonce: index })
        : await client.wallet.sendTransaction({ ...step.call, nonce: index });
    await mined(client, hash);
  }
  const [flock, gmFlock, gmExchange, taskStaking] = [at(0), at(1), at(2), at(3)];
  // Its last step's grant shows that this account's first transactions were a deployment and not something else.
  const first = await client.reader.getLogs({ address: flock, fromBlock: 0n, toBlock: 'latest' });
  const last = await client.reader.getLogs({ address: taskStaking, fromBlock: 0n, toBlock: 'latest' });
  if (first[0] === undefined || last.length < 2) throw new Error(`account ${client.address} has not deployed Skein's contracts`);
  const chainId = await client.reader.getChainId();
  return { chainId, flock, gmFlock, gmExchange, taskStaking, fromBlock: first[0].blockNumber };
}
