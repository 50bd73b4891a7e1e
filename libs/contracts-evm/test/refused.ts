import { BaseError, ContractFunctionRevertedError } from 'viem';

/** Name and arguments of the custom error that a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<{ name: string; args: readonly unknown[] }> {
  const error = await call.then(
    () => new Error('the call went through'),
    (thrown: unknown) => thrown,
  );
  const reverted = error instanceof BaseError ? error.walk((cause) => cause instanceof ContractFunctionRevertedError) : error;
  if (!(reverted instanceof ContractFunctionRevertedError) || reverted.data === undefined) throw error;
  return { name: reverted.data.errorName, args: reverted.data.args ?? [] };
}
