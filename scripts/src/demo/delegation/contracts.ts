import { mined, type ChainClient } from '@skein/contracts-evm';
import { BaseError, ContractFunctionRevertedError, type Abi, type Address } from 'viem';

/** A call of a contract: `viem`'s parameters. */
export interface Call {
  readonly address: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
}

/** What a view says at the newest block; the caller knows its type. */
export const read = async <T>({ reader }: Pick<ChainClient, 'reader'>, call: Call): Promise<T> => (await reader.readContract(call)) as T;

/** Sends a call from the client's account and waits until it is mined. What the contract would refuse is thrown before it is sent. */
export async function send(client: ChainClient, call: Call): Promise<void> {
  await client.reader.simulateContract({ ...call, account: client.address });
  await mined(client, await client.wallet.writeContract(call));
}

/** Name of the custom error by which the contract refuses the call as things are; undefined where it would pass. */
export async function refusal(client: ChainClient, call: Call): Promise<string | undefined> {
  try {
    await client.reader.simulateContract({ ...call, account: client.address });
    return undefined;
  } catch (error) {
    const reverted = error instanceof BaseError ? error.walk((cause) => cause instanceof ContractFunctionRevertedError) : null;
    if (reverted instanceof ContractFunctionRevertedError && reverted.data !== undefined) return reverted.data.errorName;
    throw error;
  }
}
