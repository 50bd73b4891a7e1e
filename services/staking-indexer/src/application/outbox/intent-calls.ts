import { emissionAbi, federationTaskAbi, rewardsAbi, roleNumber, taskKey, taskStakingAbi, type AddressBook } from '@skein/contracts-evm';
import { concatBytes, hexToBytes, sha256Hex } from '@skein/kernel';
import { encodeFunctionData, type Abi, type Address } from 'viem';
import type { ChainIntent, ChainIntentKind } from '../../domain/outbox/intent.js';
import type { Call } from './ports.js';

/** The contracts that intents are for. */
export type OutboxContracts = Pick<AddressBook, 'taskStaking' | 'rewards' | 'emission' | 'federationTask'>;

interface Target {
  readonly address: keyof OutboxContracts;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
}

type Calls = { readonly [K in ChainIntentKind]: (intent: Extract<ChainIntent, { kind: K }>) => Target };

const staking = (functionName: string, ...args: unknown[]): Target => ({ address: 'taskStaking', abi: taskStakingAbi, functionName, args });
const rewards = (functionName: string, ...args: unknown[]): Target => ({ address: 'rewards', abi: rewardsAbi, functionName, args });
const federation = (functionName: string, ...args: unknown[]): Target => ({ address: 'federationTask', abi: federationTaskAbi, functionName, args });

const calls: Calls = {
  'mint-epoch': ({ epoch }) => ({ address: 'emission', abi: emissionAbi, functionName: 'mint', args: [epoch] }),
  'post-root': ({ epoch, root, sum }) => rewards('postRoot', epoch, root, sum),
  'fix-vesting': ({ taskId, start, duration }) => rewards('fixVesting', taskKey(taskId), Number(start), Number(duration)),
  'open-task': ({ taskId, latestEnd }) => staking('openTask', taskKey(taskId), latestEnd),
  'end-final-validation': ({ taskId }) => staking('endFinalValidation', taskKey(taskId)),
  'finish-task': ({ taskId }) => staking('finishTask', taskKey(taskId)),
  'cancel-task': ({ taskId }) => staking('cancelTask', taskKey(taskId)),
  'open-case': ({ caseId, taskId, role, wallet, reporter, cap, evidence }) =>
    staking('openCase', caseId, taskKey(taskId), roleNumber(role), wallet, reporter, cap, evidence),
  slash: ({ caseId, amount }) => staking('slash', caseId, amount),
  'dismiss-case': ({ caseId }) => staking('dismissCase', caseId),
  'create-federation': ({ taskId, sponsor, latestEnd, rounds, slashBps, threshold }) =>
    federation('createTask', taskKey(taskId), { sponsor, latestEnd, rounds, slashBps, threshold }),
  'open-round': ({ taskId, round }) => federation('openRound', taskKey(taskId), round),
  'settle-round': ({ taskId, round, caller, slashes, pays }) => federation('settle', taskKey(taskId), round, caller, slashes, pays),
  'finish-federation': ({ taskId }) => federation('finish', taskKey(taskId)),
};

/** The one call that an intent is; the same intent makes the same bytes in every process. */
export function callOf(intent: ChainIntent, contracts: OutboxContracts): Call {
  const { address, abi, functionName, args } = (calls[intent.kind] as (of: ChainIntent) => Target)(intent);
  return { to: contracts[address] as Address, data: encodeFunctionData({ abi, functionName, args: args as unknown[] }) };
}

/** SHA-256 of receiver and calldata. */
export const callHash = ({ to, data }: Call): string => sha256Hex(concatBytes(hexToBytes(to.slice(2)), hexToBytes(data.slice(2))));
