import { emissionAbi, federationTaskAbi, rewardsAbi, roleNumber, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import type { Abi } from 'viem';
import type { Intent, IntentKind } from '../../domain/outbox/intent.js';
import { callOf, type OutboxContracts } from './intent-calls.js';
import type { ContractEvent, TransactionChain } from './ports.js';

/** What the chain holds under an intent's id. */
export type OnChain = { readonly is: 'absent' } | { readonly is: 'same' } | { readonly is: 'different'; readonly difference: string };

/** Asks one view of a contract at the block of the look, or for its events up to there. */
interface Ask {
  (contract: keyof OutboxContracts, abi: Abi, functionName: string, ...args: unknown[]): Promise<Record<string, unknown>>;
  events(contract: keyof OutboxContracts, abi: Abi, eventName: string, args: object): Promise<ContractEvent[]>;
  /** Whether a transaction was just the call that the intent is. */
  isOurs(call: ContractEvent['call']): boolean;
  /** Whether it called that contract itself: by way of another one its calldata says nothing. */
  isDirect(contract: keyof OutboxContracts, call: ContractEvent['call']): boolean;
}
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

async function caseNotice({ caseId, taskId, role, wallet, reporter, cap, evidence }: Extract<Intent, { kind: 'open-case' }>, ask: Ask): Promise<OnChain> {
  const found = await caseOf(ask, caseId);
  if (Number(found['status']) === CASE.unknown) return absent;
  const [notice] = await ask.events('taskStaking', taskStakingAbi, 'CaseOpened', { caseId });
  return compared({ task: taskKey(taskId), role: roleNumber(role), wallet, reporter, cap, evidence }, { ...found, evidence: notice?.args['evidence'] });
}

/** A slash takes what was decided, or what is left: what it was called with is compared where the transaction shows it. */
async function slashOnChain({ caseId, amount }: Extract<Intent, { kind: 'slash' }>, ask: Ask): Promise<OnChain> {
  const ended = await caseEnd(ask, caseId, CASE.slashed, CASE.dismissed);
  if (ended.is !== 'same') return ended;
  const [slashed] = await ask.events('taskStaking', taskStakingAbi, 'Slashed', { caseId });
  const taken = BigInt(String(slashed?.args['fromOwner'] ?? 0)) + BigInt(String(slashed?.args['fromPool'] ?? 0));
  const otherwise = slashed !== undefined && (ask.isDirect('taskStaking', slashed.call) ? !ask.isOurs(slashed.call) : taken > amount);
  return otherwise ? different(`the slash took ${taken} on chain, ${amount} was decided`) : same;
}

const listOf = (entries: readonly (readonly unknown[])[]): string => entries.map((entry) => entry.map(textOf).join(':')).join(' ');

/** The money of a settled round, wallet by wallet. */
async function settlementOnChain({ taskId, round, caller, slashes, pays }: Extract<Intent, { kind: 'settle-round' }>, ask: Ask): Promise<OnChain> {
  if (Number((await stateOf(ask, taskId))['round']) <= round) return absent;
  const of = (name: string) => ask.events('federationTask', federationTaskAbi, name, { task: taskKey(taskId), round });
  const [[end], slashed, paid] = [await of('RoundSettled'), await of('MemberSlashed'), await of('MemberPaid')];
  return compared(
    { caller, slashes: listOf(slashes.map(({ wallet, amount }) => [wallet, amount])), pays: listOf(pays.map(({ wallet, flock, gm }) => [wallet, flock, gm])) },
    {
      caller: end?.args['caller'],
      slashes: listOf(slashed.map(({ args }) => [args['wallet'], args['amount']])),
      pays: listOf(paid.map(({ args }) => [args['wallet'], args['flock'], args['gm']])),
    },
  );
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
  slash: slashOnChain,
  'dismiss-case': ({ caseId }, ask) => caseEnd(ask, caseId, CASE.dismissed, CASE.slashed),
  'create-federation': async ({ taskId, sponsor, latestEnd, rounds, slashBps, threshold }, ask) => {
    const found = await ask('federationTask', federationTaskAbi, 'termsOf', taskKey(taskId));
    return Number(found['rounds']) === 0 ? absent : compared({ sponsor, latestEnd, rounds, slashBps, threshold }, found);
  },
  'open-round': async ({ taskId, round }, ask) => {
    const found = await stateOf(ask, taskId);
    return Number(found['round']) > round || (Number(found['round']) === round && found['roundOpen'] === true) ? same : absent;
  },
  'settle-round': settlementOnChain,
  'finish-federation': async ({ taskId }, ask) => ((await stateOf(ask, taskId))['finished'] === true ? same : absent),
};

type Reads = Pick<TransactionChain, 'read' | 'events'>;

function askAt(intent: Intent, contracts: OutboxContracts, chain: Reads, block: number | 'latest'): Ask {
  const view = async (contract: keyof OutboxContracts, abi: Abi, functionName: string, ...args: unknown[]): Promise<Record<string, unknown>> => {
    const answer = await chain.read({ address: contracts[contract], abi, functionName, args }, block);
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : { 0: answer };
  };
  const events: Ask['events'] = (contract, abi, eventName, args) => chain.events({ address: contracts[contract], abi, eventName, args }, block);
  const ours = callOf(intent, contracts);
  return Object.assign(view, {
    events,
    isOurs: ({ to, data }: ContractEvent['call']) => to === ours.to && data === ours.data,
    isDirect: (contract: keyof OutboxContracts, { to }: ContractEvent['call']) => to === contracts[contract],
  });
}

/** What a block holds under the intent's id. */
export function lookOnChain(intent: Intent, contracts: OutboxContracts, chain: Reads, block: number | 'latest'): Promise<OnChain> {
  return (looks[intent.kind] as (of: Intent, ask: Ask) => Promise<OnChain>)(intent, askAt(intent, contracts, chain, block));
}
