import { emissionAbi, federationTaskAbi, rewardsAbi, roleNumber, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import type { Abi } from 'viem';
import type { Intent, IntentKind } from '../../domain/outbox/intent.js';
import type { OutboxContracts } from './intent-calls.js';
import type { TransactionChain } from './ports.js';

/** What the chain holds under an intent's id. */
export type OnChain = { readonly is: 'absent' } | { readonly is: 'same' } | { readonly is: 'different'; readonly difference: string };

/** Asks one view of a contract at the block of the look. */
type Ask = (contract: keyof OutboxContracts, abi: Abi, functionName: string, ...args: unknown[]) => Promise<Record<string, unknown>>;
type Looks = { readonly [K in IntentKind]: (intent: Extract<Intent, { kind: K }>, ask: Ask) => Promise<OnChain> };

const absent: OnChain = { is: 'absent' };
const same: OnChain = { is: 'same' };

const textOf = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : String(value));

/** Compares field by field; names every field that differs with both values. */
function compared(decided: Readonly<Record<string, unknown>>, found: Readonly<Record<string, unknown>>): OnChain {
  const differing = Object.keys(decided).filter((field) => textOf(decided[field]) !== textOf(found[field]));
  if (differing.length === 0) return same;
  return { is: 'different', difference: differing.map((field) => `${field} is ${textOf(found[field])} on chain, ${textOf(decided[field])} was decided`).join('; ') };
}

const different = (difference: string): OnChain => ({ is: 'different', difference });

const TASK_UNKNOWN = 0;
const TASK_FINISHED = 2;
const CASE = { unknown: 0, open: 1, slashed: 2, dismissed: 3 } as const;

const taskOf = (ask: Ask, taskId: string) => ask('taskStaking', taskStakingAbi, 'taskOf', taskKey(taskId));
const caseOf = (ask: Ask, caseId: string) => ask('taskStaking', taskStakingAbi, 'caseOf', caseId);
const stateOf = (ask: Ask, taskId: string) => ask('federationTask', federationTaskAbi, 'stateOf', taskKey(taskId));

const ended = async (ask: Ask, taskId: string): Promise<OnChain> => (Number((await taskOf(ask, taskId))['status']) === TASK_FINISHED ? same : absent);

async function rootOnChain({ epoch, revision, root, sum }: Extract<Intent, { kind: 'post-root' }>, ask: Ask): Promise<OnChain> {
  const found = await ask('rewards', rewardsAbi, 'rootOf', epoch);
  if (Number(found['activeFrom']) === 0) return absent;
  // A vetoed root makes room for a revision, and for nothing else.
  if (BigInt(String(found['hash'])) === 0n) return revision > 0 ? absent : different('the root was vetoed');
  return compared({ hash: root, sum }, found);
}

async function caseEnd(ask: Ask, caseId: string, wanted: number, other: number): Promise<OnChain> {
  const status = Number((await caseOf(ask, caseId))['status']);
  if (status === wanted) return same;
  return status === other ? different(`the case is ${other === CASE.slashed ? 'slashed' : 'dismissed, or out of time,'} on chain`) : absent;
}

async function caseNotice({ caseId, taskId, role, wallet, reporter, cap }: Extract<Intent, { kind: 'open-case' }>, ask: Ask): Promise<OnChain> {
  const found = await caseOf(ask, caseId);
  if (Number(found['status']) === CASE.unknown) return absent;
  return compared({ task: taskKey(taskId), role: roleNumber(role), wallet, reporter, cap }, found);
}

const looks: Looks = {
  'mint-epoch': async ({ epoch }, ask) => ((await ask('emission', emissionAbi, 'minted', epoch))['0'] === true ? same : absent),
  'post-root': rootOnChain,
  'fix-vesting': async ({ taskId, start, duration }, ask) => {
    const found = await ask('rewards', rewardsAbi, 'vestingOf', taskKey(taskId));
    return found['isSet'] === true ? compared({ start, duration }, found) : absent;
  },
  'open-task': async ({ taskId, latestEnd }, ask) => {
    const found = await taskOf(ask, taskId);
    return Number(found['status']) === TASK_UNKNOWN ? absent : compared({ latestEnd }, found);
  },
  'end-final-validation': async ({ taskId }, ask) => (BigInt(String((await taskOf(ask, taskId))['endedAt'])) > 0n ? same : absent),
  'finish-task': ({ taskId }, ask) => ended(ask, taskId),
  'cancel-task': ({ taskId }, ask) => ended(ask, taskId),
  'open-case': caseNotice,
  slash: ({ caseId }, ask) => caseEnd(ask, caseId, CASE.slashed, CASE.dismissed),
  'dismiss-case': ({ caseId }, ask) => caseEnd(ask, caseId, CASE.dismissed, CASE.slashed),
  'create-federation': async ({ taskId, sponsor, latestEnd, rounds, slashBps, threshold }, ask) => {
    const found = await ask('federationTask', federationTaskAbi, 'termsOf', taskKey(taskId));
    return Number(found['rounds']) === 0 ? absent : compared({ sponsor, latestEnd, rounds, slashBps, threshold }, found);
  },
  'open-round': async ({ taskId, round }, ask) => {
    const found = await stateOf(ask, taskId);
    return Number(found['round']) > round || (Number(found['round']) === round && found['roundOpen'] === true) ? same : absent;
  },
  'settle-round': async ({ taskId, round }, ask) => (Number((await stateOf(ask, taskId))['round']) > round ? same : absent),
  'finish-federation': async ({ taskId }, ask) => ((await stateOf(ask, taskId))['finished'] === true ? same : absent),
};

/** What a block holds under the intent's id. */
export function lookOnChain(intent: Intent, contracts: OutboxContracts, chain: Pick<TransactionChain, 'read'>, block: number | 'latest'): Promise<OnChain> {
  const ask: Ask = async (contract, abi, functionName, ...args) => {
    const answer = await chain.read({ address: contracts[contract], abi, functionName, args }, block);
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : { 0: answer };
  };
  return (looks[intent.kind] as (of: Intent, ask: Ask) => Promise<OnChain>)(intent, ask);
}
