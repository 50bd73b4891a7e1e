import {
  BUILDS, chainReader, codeProblem, CONTRACT_NAMES, emissionAbi, federationTaskAbi, flockAbi, gmExchangeAbi, immutablesOf, poolManagerAbi, requireChain, rewardsAbi, taskStakingAbi, verifyDeployment,
  type Deployment,
} from '@skein/contracts-evm';
import { formatUnits, type PublicClient } from 'viem';
import { chainFailure, endpointOf } from './chain-deploy.js';
import { readDeployment } from './chain-files.js';
import type { Context } from './context.js';
import { CliError, EXIT } from './errors.js';
import { renderTable } from './table.js';

async function reached<T>(context: Context, use: (reader: PublicClient, deployment: Deployment) => Promise<T>): Promise<T> {
  const deployment = readDeployment(context.text('book'));
  const endpoint = endpointOf(context, deployment.book.chainId);
  try {
    await requireChain(endpoint);
    return await use(chainReader(endpoint), deployment);
  } catch (error) {
    throw chainFailure(error);
  }
}

type Totals = Readonly<Record<string, bigint | boolean>>;

async function totalsOf(reader: PublicClient, { book }: Deployment): Promise<Totals> {
  const amount = (address: `0x${string}`, functionName: 'totalSupply'): Promise<bigint> => reader.readContract({ address, abi: flockAbi, functionName });
  const paused = (address: `0x${string}`): Promise<boolean> => reader.readContract({ address, abi: poolManagerAbi, functionName: 'intakePaused' });
  const rewards = { address: book.rewards, abi: rewardsAbi } as const;
  return {
    flockSupply: await amount(book.flock, 'totalSupply'),
    gmFlockSupply: await amount(book.gmFlock, 'totalSupply'),
    emissionMinted: await reader.readContract({ address: book.emission, abi: emissionAbi, functionName: 'totalMinted' }),
    locked: await reader.readContract({ address: book.gmExchange, abi: gmExchangeAbi, functionName: 'totalLocked' }),
    staked: await reader.readContract({ address: book.taskStaking, abi: taskStakingAbi, functionName: 'grandTotal' }),
    federationStaked: await reader.readContract({ address: book.federationTask, abi: federationTaskAbi, functionName: 'totalGm' }),
    rewardsFunded: await reader.readContract({ ...rewards, functionName: 'totalFunded' }),
    rewardsPaid: await reader.readContract({ ...rewards, functionName: 'totalPaid' }),
    exchangePaused: await paused(book.gmExchange),
    stakingPaused: await paused(book.taskStaking),
    poolsPaused: await paused(book.poolManager),
    federationPaused: await paused(book.federationTask),
  };
}

/** `skein chain status` */
export function status(context: Context): Promise<void> {
  return reached(context, async (reader, deployment) => {
    const { book, settings } = deployment;
    const immutables = immutablesOf(book, settings);
    const rows = await Promise.all(CONTRACT_NAMES.map(async (name) => ({
      name, address: book[name], code: codeProblem(BUILDS[name], await reader.getCode({ address: book[name] }), immutables[name]) ?? "this build's",
    })));
    const bad = rows.filter(({ code }) => code !== "this build's").length;
    // Where code is missing nothing answers; where it is another, answers mean nothing.
    const totals = bad === 0 ? await totalsOf(reader, deployment) : {};
    const epoch = bad === 0 ? await reader.readContract({ address: book.emission, abi: emissionAbi, functionName: 'currentEpoch' }) : 0n;
    const blockNumber = await reader.getBlockNumber({ cacheTime: 0 });
    write(context, { chainId: book.chainId, blockNumber, epoch, rows, totals });
    if (bad > 0) context.report(new CliError(EXIT.failed, `${bad} contracts are not what this build deploys`, 'failed-precondition', 'code'));
  });
}

interface Status {
  readonly chainId: number;
  readonly blockNumber: bigint;
  readonly epoch: bigint;
  readonly rows: readonly { readonly name: string; readonly address: string; readonly code: string }[];
  readonly totals: Totals;
}

function write(context: Context, { chainId, blockNumber, epoch, rows, totals }: Status): void {
  if (context.json) {
    const plain = Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]));
    context.writeJson({ chainId, blockNumber: blockNumber.toString(), epoch: epoch.toString(), contracts: rows.map((row) => ({ ...row })), totals: plain });
    return;
  }
  const { terminal } = context;
  terminal.write(`chain ${chainId}, block ${blockNumber}, epoch ${epoch}\n\n`);
  terminal.write(renderTable([
    { title: 'contract', value: ({ name }) => name },
    { title: 'address', value: ({ address }) => address },
    { title: 'code', value: ({ code }) => code, flexible: true },
  ], rows, terminal.columns));
  const shown = Object.entries(totals).map(([name, value]) => ({ name, value: typeof value === 'bigint' ? formatUnits(value, 18) : value ? 'yes' : 'no' }));
  if (shown.length > 0) terminal.write(`\n${renderTable([{ title: 'what', value: ({ name }) => name }, { title: 'value', value: ({ value }) => value, right: true }], shown, terminal.columns)}`);
}

/** `skein chain verify` */
export function verify(context: Context): Promise<void> {
  return reached(context, async (reader, deployment) => {
    const { blockNumber, checks, findings } = await verifyDeployment(reader, deployment);
    if (context.json) context.writeJson({ blockNumber: blockNumber.toString(), checks, findings: findings.map((finding) => ({ ...finding })) });
    else {
      for (const { rule, message } of findings) context.terminal.write(`${rule.padEnd(9)}  ${message}\n`);
      const kept = deployment.settings.multisig === undefined ? 'a devnet: the deployer stays administrator' : 'the deployer keeps nothing';
      context.terminal.write(findings.length === 0 ? `${checks} checks at block ${blockNumber}: all as the file says; ${kept}\n` : `${findings.length} of ${checks} checks failed at block ${blockNumber}\n`);
    }
    if (findings.length > 0) context.report(new CliError(EXIT.failed, `the deployment is not what ${context.text('book')} says`, 'failed-precondition', findings[0]!.rule));
  });
}
