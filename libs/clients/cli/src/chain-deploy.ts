import { chainClient, ChainRefusal, deployContracts, formatDeployment, requireChain, writeSettings, type ChainEndpoint, type Deployment, type StepDone } from '@skein/contracts-evm';
import { BaseError, formatEther, HttpRequestError } from 'viem';
import { readConfig, readKey, requireSameBook, writeWhole } from './chain-files.js';
import type { Context } from './context.js';
import { CliError, EXIT, usageError } from './errors.js';

/** Endpoint of `--rpc`. */
export function endpointOf(context: Context, chainId: number): ChainEndpoint {
  const rpcUrl = context.text('rpc');
  if (!/^https?:\/\/[^\s/]+/.test(rpcUrl) || !URL.canParse(rpcUrl)) throw usageError('--rpc is missing or no address: http://host:port is expected');
  return { rpcUrl, chainId };
}

/** A chain's failure in the tool's words. viem's own text would quote the endpoint, whose path may be a secret. */
export function chainFailure(error: unknown): unknown {
  if (error instanceof ChainRefusal) {
    const unreachable = error.rule === 'unreachable' || error.rule === 'not-an-rpc';
    return new CliError(unreachable ? EXIT.unreachable : EXIT.failed, error.message, unreachable ? 'unavailable' : 'failed-precondition', error.rule);
  }
  if (!(error instanceof BaseError)) return error;
  const lost = error.walk((cause) => cause instanceof HttpRequestError) !== null;
  return new CliError(lost ? EXIT.unreachable : EXIT.failed, `the chain's endpoint failed: ${error.shortMessage.split('\n', 1)[0]}`, lost ? 'unavailable' : 'internal', 'rpc');
}

const grouped = (value: bigint): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ' ');

interface Told {
  readonly done: StepDone[];
  before: number;
}

function tellStart(context: Context, doneBefore: number, of: number): void {
  if (context.json || doneBefore === 0) return;
  context.terminal.write(doneBefore === of ? `all ${of} steps were done before\n` : `${doneBefore} of ${of} steps were done before\n`);
}

function tellStep(context: Context, { index, of, label, gasUsed, txHash }: StepDone): void {
  const place = `${String(index + 1).padStart(String(of).length)}/${of}`;
  if (context.json) context.terminal.warn(`${JSON.stringify({ step: index + 1, of, label, txHash, gasUsed: gasUsed.toString() })}\n`);
  else context.terminal.write(`${place}  ${grouped(gasUsed).padStart(9)} gas  ${label}  ${txHash}\n`);
}

function tellEnd(context: Context, file: string, { book, deployer, settings }: Deployment, { done, before }: Told): void {
  const gas = done.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
  const fee = done.reduce((sum, { feeWei }) => sum + feeWei, 0n);
  if (!context.json) {
    context.terminal.write(`total ${grouped(gas)} gas, ${formatEther(fee)} of the chain's currency, in ${done.length} transactions\n${file} has the addresses; skein chain verify --book ${file} proves them\n`);
    return;
  }
  const steps = done.map(({ index, label, txHash, gasUsed, feeWei, blockNumber }) => ({ step: index + 1, label, txHash, gasUsed: gasUsed.toString(), feeWei: feeWei.toString(), blockNumber: blockNumber.toString() }));
  context.writeJson({
    book: { ...book, fromBlock: book.fromBlock.toString() }, deployer, settings: writeSettings(settings) as Record<string, string>, file,
    stepsBefore: before, steps, gasUsed: gas.toString(), feeWei: fee.toString(),
  });
}

/** `skein chain deploy` */
export async function deploy(context: Context): Promise<void> {
  const account = readKey(context.text('key-file'));
  const deployer = account.address.toLowerCase() as `0x${string}`;
  const { chainId, settings } = readConfig(context.text('config'), deployer);
  const file = context.text('book');
  if (file === '') throw usageError('--book is missing: the file to write addresses and settings to');
  const endpoint = endpointOf(context, chainId);
  requireSameBook(file, chainId, deployer);
  const told: Told = { done: [], before: 0 };
  try {
    await requireChain(endpoint);
    const book = await deployContracts(chainClient(endpoint, account), settings, {
      onStart: (doneBefore, of) => {
        told.before = doneBefore;
        tellStart(context, doneBefore, of);
      },
      onStep: (step) => {
        told.done.push(step);
        tellStep(context, step);
      },
    });
    const deployment = { book, deployer, settings };
    writeWhole(file, formatDeployment(deployment));
    tellEnd(context, file, deployment, told);
  } catch (error) {
    throw chainFailure(error);
  }
}
