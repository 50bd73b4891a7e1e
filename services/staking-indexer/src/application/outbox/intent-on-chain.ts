import { emissionAbi, federationTaskAbi, rewardsAbi, roleNumber, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import { RejectionError } from '@skein/kernel';
import type { Abi } from 'viem';
import { intentId, type ChainIntent, type ChainIntentKind } from '../../domain/outbox/intent.js';
import { callOf, type OutboxContracts } from './intent-calls.js';
import type { ContractEvent, TransactionChain } from './ports.js';

/** What the chain holds under an intent's id. `needless`: it holds nothing, and there is nothing left for the intent to do. */
export type OnChain =
  | { readonly is: 'absent' }
  | { readonly is: 'same' }
  | { readonly is: 'needless'; readonly reason: string }
  | { readonly is: 'different'; readonly difference: string };

/** Asks one view of a contract at the block of the look, or for its events up to there. */
interface Ask {
  (contract: keyof OutboxContracts, abi: Abi, functionName: string, ...args: unknown[]): Promise<Record<string, unknown>>;
  /** The one event that a contract has ever made of these arguments; `made` where its state says that it has. */
  once(contract: keyof OutboxContracts, abi: Abi, eventName: string, args: object): Promise<ContractEvent | undefined>;
  made(contract: keyof OutboxContracts, abi: Abi, eventName: string, args: object): Promise<ContractEvent>;
  /** Those in the block of another one. */
  beside(event: ContractEvent, contract: keyof OutboxContracts, abi: Abi, eventName: string, args: object): Promise<ContractEvent[]>;
  /** Whether a transaction was just the call that the intent is; undefined where it called another contract first: then its calldata says nothing. */
  isOurs(contract: keyof OutboxContracts, event: ContractEvent): Promise<boolean | undefined>;
}
type OfKind<K extends ChainIntentKind> = Extract<ChainIntent, { kind: K }>;
type Looks = { readonly [K in ChainIntentKind]: (intent: OfKind<K>, ask: Ask) => Promise<OnChain> };

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

/** Finished and cancelled are one status: the events tell them apart. What time has ended needs neither any more. */
async function taskEnd(ask: Ask, taskId: string, wanted: 'finished' | 'cancelled'): Promise<OnChain> {
  const status = Number((await taskOf(ask, taskId))['status']);
  if (status === TASK_UNKNOWN && wanted === 'cancelled') return { is: 'needless', reason: 'the task was never opened on chain' };
  if (status !== TASK_FINISHED) return absent;
  const task = { task: taskKey(taskId) };
  const end = await ask.made('taskStaking', taskStakingAbi, 'TaskFinished', task);
  if (end.args['released'] === true) return same;
  const found = (await ask.beside(end, 'taskStaking', taskStakingAbi, 'TaskCancelled', task)).length > 0 ? 'cancelled' : 'finished';
  return found === wanted ? same : different(`the task is ${found} on chain, ${wanted} was decided`);
}

/** Every end of a task says when it was; only the end of its final validation has an event of that name. */
async function validationEnd({ taskId }: OfKind<'end-final-validation'>, ask: Ask): Promise<OnChain> {
  const found = await taskOf(ask, taskId);
  if (BigInt(String(found['endedAt'])) === 0n) return absent;
  if (Number(found['status']) !== TASK_FINISHED) return same;
  const ended = await ask.once('taskStaking', taskStakingAbi, 'FinalValidationEnded', { task: taskKey(taskId) });
  return ended === undefined ? { is: 'needless', reason: 'the task ended on chain without a final validation' } : same;
}

async function rootOnChain({ epoch, revision, root, sum }: OfKind<'post-root'>, ask: Ask): Promise<OnChain> {
  const found = await ask('rewards', rewardsAbi, 'rootOf', epoch);
  if (Number(found['activeFrom']) === 0) {
    // A later root is over everything that this one is over, and the contract takes none before it.
    const next = BigInt(String((await ask('rewards', rewardsAbi, 'nextRootEpoch'))['0']));
    return next > epoch ? { is: 'needless', reason: `overtaken by the root of epoch ${next - 1n}` } : absent;
  }
  // A vetoed root makes room for a revision, and for nothing else.
  if (BigInt(String(found['hash'])) === 0n) return revision > 0 ? absent : different('the root was vetoed');
  return compared({ hash: root, sum }, found);
}

async function caseEnd(ask: Ask, caseId: string, wanted: number, other: number): Promise<OnChain> {
  const status = Number((await caseOf(ask, caseId))['status']);
  if (status === wanted) return same;
  return status === other ? different(`the case is ${other === CASE.slashed ? 'slashed' : 'dismissed, or out of time,'} on chain`) : absent;
}

async function caseNotice({ caseId, taskId, role, wallet, reporter, cap, evidence }: OfKind<'open-case'>, ask: Ask): Promise<OnChain> {
  const found = await caseOf(ask, caseId);
  if (Number(found['status']) === CASE.unknown) return absent;
  const notice = await ask.made('taskStaking', taskStakingAbi, 'CaseOpened', { caseId });
  return compared({ task: taskKey(taskId), role: roleNumber(role), wallet, reporter, cap, evidence }, { ...found, evidence: notice.args['evidence'] });
}

/** A slash takes what was decided, or what is left: what it was called with is compared where the transaction shows it. */
async function slashOnChain({ caseId, amount }: OfKind<'slash'>, ask: Ask): Promise<OnChain> {
  const ended = await caseEnd(ask, caseId, CASE.slashed, CASE.dismissed);
  if (ended.is !== 'same') return ended;
  const slashed = await ask.made('taskStaking', taskStakingAbi, 'Slashed', { caseId });
  const taken = BigInt(String(slashed.args['fromOwner'])) + BigInt(String(slashed.args['fromPool']));
  const isOurs = (await ask.isOurs('taskStaking', slashed)) ?? taken <= amount;
  return isOurs ? same : different(`the slash took ${taken} on chain, ${amount} was decided`);
}

const listOf = (entries: readonly (readonly unknown[])[]): string => entries.map((entry) => entry.map(textOf).join(':')).join(' ');

/** The money of a settled round, wallet by wallet. */
async function settlementOnChain({ taskId, round, caller, slashes, pays }: OfKind<'settle-round'>, ask: Ask): Promise<OnChain> {
  if (Number((await stateOf(ask, taskId))['round']) <= round) return absent;
  const ofRound = { task: taskKey(taskId), round };
  const end = await ask.made('federationTask', federationTaskAbi, 'RoundSettled', ofRound);
  const of = (name: string): Promise<ContractEvent[]> => ask.beside(end, 'federationTask', federationTaskAbi, name, ofRound);
  const [slashed, paid] = [await of('MemberSlashed'), await of('MemberPaid')];
  return compared(
    { caller, slashes: listOf(slashes.map(({ wallet, amount }) => [wallet, amount])), pays: listOf(pays.map(({ wallet, flock, gm }) => [wallet, flock, gm])) },
    {
      caller: end.args['caller'],
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
  'end-final-validation': validationEnd,
  'finish-task': ({ taskId }, ask) => taskEnd(ask, taskId, 'finished'),
  'cancel-task': ({ taskId }, ask) => taskEnd(ask, taskId, 'cancelled'),
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

type Reads = Pick<TransactionChain, 'read' | 'newestEvent' | 'eventsIn' | 'callOf'>;

function askAt(intent: ChainIntent, contracts: OutboxContracts, chain: Reads, block: number | 'latest'): Ask {
  const view = async (contract: keyof OutboxContracts, abi: Abi, functionName: string, ...args: unknown[]): Promise<Record<string, unknown>> => {
    const answer = await chain.read({ address: contracts[contract], abi, functionName, args }, block);
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : { 0: answer };
  };
  const once: Ask['once'] = (contract, abi, eventName, args) => chain.newestEvent({ address: contracts[contract], abi, eventName, args }, block);
  const made: Ask['made'] = async (contract, abi, eventName, args) => {
    const event = await once(contract, abi, eventName, args);
    if (event !== undefined) return event;
    // Not a difference: endpoints forget logs, or lag behind the state that they answer with.
    throw new RejectionError({ code: 'unavailable', rule: 'log-missing', message: `the endpoint lacks the log ${eventName} of ${intentId(intent)}`, retriable: true });
  };
  const beside: Ask['beside'] = (event, contract, abi, eventName, args) => chain.eventsIn({ address: contracts[contract], abi, eventName, args }, event.block);
  const isOurs: Ask['isOurs'] = async (contract, { transaction }) => {
    const [ours, { to, data }] = [callOf(intent, contracts), await chain.callOf(transaction)];
    return to === contracts[contract] ? to === ours.to && data === ours.data : undefined;
  };
  return Object.assign(view, { once, made, beside, isOurs });
}

/** What a block holds under the intent's id. */
export function lookOnChain(intent: ChainIntent, contracts: OutboxContracts, chain: Reads, block: number | 'latest'): Promise<OnChain> {
  return (looks[intent.kind] as (of: ChainIntent, ask: Ask) => Promise<OnChain>)(intent, askAt(intent, contracts, chain, block));
}
