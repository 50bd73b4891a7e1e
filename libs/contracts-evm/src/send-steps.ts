import { BaseError, decodeErrorResult, ExecutionRevertedError, isHex, type Abi, type Address, type Hex, type TransactionReceipt } from 'viem';
import { BUILDS } from './build.js';
import type { ChainClient } from './chain-client.js';
import { ChainRefusal, refusalOf } from './chain-refusal.js';
import type { Step } from './deploy-plan.js';

/** A step of a deployment that is on chain. `index` counts from 0 and is the transaction's nonce. */
export interface StepDone {
  readonly index: number;
  readonly of: number;
  readonly label: string;
  readonly txHash: Hex;
  readonly gasUsed: bigint;
  readonly feeWei: bigint;
  readonly blockNumber: bigint;
}

export interface SendOptions {
  readonly onStep?: (done: StepDone) => void;
  /** How long a transaction may wait to be mined. */
  readonly minedMsMax?: number;
}

/** Transactions on their way at a time: every node keeps so many of one account. */
const WINDOW = 16;
/** Gas of a grant, for the account's funds to be looked at before the first transaction. */
const CALL_GAS = 60_000n;
const MINED_MS_MAX = 300_000;

type Fees = { readonly gasPrice: bigint } | { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };
const priceOf = (fees: Fees): bigint => ('gasPrice' in fees ? fees.gasPrice : fees.maxFeePerGas);

async function feesOf({ reader }: ChainClient): Promise<Fees> {
  const { baseFeePerGas } = await reader.getBlock();
  if (baseFeePerGas === null) return { gasPrice: await reader.getGasPrice() };
  const { maxFeePerGas, maxPriorityFeePerGas } = await reader.estimateFeesPerGas();
  return { maxFeePerGas, maxPriorityFeePerGas };
}

/** A quarter above the estimate: a step that ran out of gas would have used up its nonce for nothing. */
async function gasOf({ reader, address }: ChainClient, { to, data, label }: Step): Promise<bigint> {
  const asked = reader.estimateGas({ account: address, data, ...(to === undefined ? {} : { to }) });
  const estimate = await asked.catch((error: unknown) => {
    const reverted = error instanceof BaseError ? revertOf(error) : undefined;
    throw reverted === undefined ? error : new ChainRefusal('reverted', `"${label}" would revert: ${reverted}`, { cause: error });
  });
  return (estimate * 5n) / 4n;
}

/** Every contract's errors: one that makes another reverts with what that one says. */
const ERRORS: Abi = Object.values(BUILDS).flatMap(({ abi }) => abi.filter(({ type }) => type === 'error'));

/** The custom error of a call that would revert, in words; undefined for any other failure. */
function revertOf(error: BaseError): string | undefined {
  const found = error.walk((cause) => isHex((cause as { data?: unknown }).data)) as { data: Hex } | null;
  if (found === null) return error.walk((cause) => cause instanceof ExecutionRevertedError) === null ? undefined : 'no reason given';
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS, data: found.data });
    return `${errorName}(${(args ?? []).map(String).join(', ')})`;
  } catch {
    return found.data;
  }
}

/** Gas of the contracts that are still to be made. Refuses before the first transaction what would have to stop half way. */
async function requireFunds(client: ChainClient, steps: readonly Step[]): Promise<ReadonlyMap<Step, bigint>> {
  const creates = steps.filter(({ to }) => to === undefined);
  const [fees, held, ...gas] = await Promise.all([feesOf(client), client.reader.getBalance({ address: client.address }), ...creates.map((step) => gasOf(client, step))]);
  const all = gas.reduce((sum, one) => sum + one, 0n) + CALL_GAS * BigInt(steps.length - creates.length);
  const needed = all * priceOf(fees);
  if (held >= needed) return new Map(creates.map((step, at) => [step, gas[at]!]));
  throw new ChainRefusal('insufficient-funds', `${client.address} has ${held} wei; the ${steps.length} transactions that are left may cost up to ${needed} wei`);
}

/** Windows of steps that need nothing of each other to be mined. */
function windowsOf(steps: readonly Step[], from: number): [index: number, step: Step][][] {
  const left = [...steps.entries()].slice(from);
  const phases = [...Map.groupBy(left, ([, { phase }]) => phase).values()];
  return phases.flatMap((phase) => Array.from({ length: Math.ceil(phase.length / WINDOW) }, (_, at) => phase.slice(at * WINDOW, (at + 1) * WINDOW)));
}

async function minedStep(client: ChainClient, hash: Hex, { label }: Step, timeout: number): Promise<TransactionReceipt> {
  const receipt = await client.reader.waitForTransactionReceipt({ hash, timeout }).catch((error: unknown) => {
    throw new ChainRefusal('not-mined', `"${label}" (${hash}) was not mined in ${timeout / 1000} s; run again to go on waiting`, { cause: error });
  });
  if (receipt.status !== 'success') throw new ChainRefusal('reverted', `"${label}" (${hash}) reverted: the account's transactions no longer fit the steps; deploy from a fresh account`);
  return receipt;
}

/**
 * Sends the steps from `from` on, step n as the account's transaction n, several at a time. A process that dies meanwhile
 * leaves transactions that are steps, too.
 */
export async function sendSteps(client: ChainClient, steps: readonly Step[], from: number, options: SendOptions = {}): Promise<void> {
  if (from >= steps.length) return;
  try {
    const known = await requireFunds(client, steps.slice(from));
    for (const window of windowsOf(steps, from)) await sendWindow(client, window, { ...options, of: steps.length, known });
  } catch (error) {
    throw refusalOf(error);
  }
}

type WindowOptions = SendOptions & { readonly of: number; readonly known: ReadonlyMap<Step, bigint> };

async function sendWindow(client: ChainClient, window: readonly [number, Step][], { onStep, minedMsMax = MINED_MS_MAX, of, known }: WindowOptions): Promise<void> {
  const [fees, ...gas] = await Promise.all([feesOf(client), ...window.map(([, step]) => known.get(step) ?? gasOf(client, step))]);
  const hashes: Hex[] = [];
  for (const [at, [nonce, { to, data }]] of window.entries()) {
    hashes.push(await client.wallet.sendTransaction({ data, nonce, gas: gas[at]!, ...fees, ...(to === undefined ? {} : { to }) }));
  }
  const receipts = window.map(([, step], at) => minedStep(client, hashes[at]!, step, minedMsMax));
  for (const [at, [index, { label }]] of window.entries()) {
    const { transactionHash: txHash, gasUsed, effectiveGasPrice, blockNumber } = await receipts[at]!;
    onStep?.({ index, of, label, txHash, gasUsed, feeWei: gasUsed * effectiveGasPrice, blockNumber });
  }
}

/**
 * How many transactions of the account are on chain. Those that an earlier run has left on the way are waited for: sending
 * them again would only be refused.
 */
export async function transactionsOf({ reader }: ChainClient, address: Address, { minedMsMax = MINED_MS_MAX, wait = sleep }: { minedMsMax?: number; wait?: (ms: number) => Promise<void> } = {}): Promise<number> {
  const [mined, sent] = await Promise.all([reader.getTransactionCount({ address, blockTag: 'latest' }), reader.getTransactionCount({ address, blockTag: 'pending' })]);
  let count = mined;
  for (let waitedMs = 0; count < sent; waitedMs += reader.pollingInterval) {
    if (waitedMs >= minedMsMax) throw new ChainRefusal('not-mined', `transactions ${count} to ${sent - 1} of ${address} are on their way and not mined: wait, or replace them with a higher fee`);
    await wait(reader.pollingInterval);
    count = await reader.getTransactionCount({ address, blockTag: 'latest' });
  }
  return count;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
