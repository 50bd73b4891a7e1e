import {
  delegationPoolAbi,
  emissionAbi,
  federationTaskAbi,
  gmExchangeAbi,
  parameterRegistryAbi,
  poolManagerAbi,
  rewardsAbi,
  taskStakingAbi,
} from '@skein/contracts-evm';
import { formatWallet } from '@skein/kernel';
import type { Hex } from 'viem';
import type { Fact } from '../domain/facts.js';
import { decodeFederation, decodePool, decodePoolOwner } from './decode-pools.js';
import { decodeEmission, decodeParameters, decodeRewards } from './decode-rewards.js';
import { decodeExchange, decodeStaking } from './decode-stakes.js';
import { EventWords, type LogData, type Where } from './event-words.js';

export type { LogData } from './event-words.js';

/** Which of our contracts has made a log. */
export type ContractKind = 'gmExchange' | 'taskStaking' | 'poolManager' | 'delegationPool' | 'emission' | 'rewards' | 'federationTask' | 'registry';

interface Reader {
  readonly topics: readonly Hex[];
  readonly read: (log: LogData, where: Where) => Fact;
}

const exchange = new EventWords(gmExchangeAbi, ['Locked', 'Redeemed', 'Granted']);
const staking = new EventWords(taskStakingAbi, [
  'TaskOpened', 'FinalValidationEnded', 'TaskCancelled', 'TaskFinished', 'Staked', 'Withdrawn', 'CaseOpened', 'CaseDismissed', 'Slashed',
]);
const manager = new EventWords(poolManagerAbi, ['PoolCreated', 'SigmaChanged', 'SigmaRiseAnnounced']);
const pool = new EventWords(delegationPoolAbi, [
  'Delegated', 'ExitAsked', 'ExitPaid', 'Activated', 'Funded', 'Claimed', 'PrincipalSlashed', 'PoolClosed',
]);
const emission = new EventWords(emissionAbi, ['EpochMinted']);
const rewards = new EventWords(rewardsAbi, ['RewardsFunded', 'RootPosted', 'RootVetoed', 'VestingFixed', 'RewardPaid']);
const federation = new EventWords(federationTaskAbi, [
  'TaskCreated', 'PoolFunded', 'Joined', 'RoundOpened', 'MemberSlashed', 'MemberPaid', 'RoundSettled', 'TaskFinished', 'StakeWithdrawn', 'Taken',
]);
const registry = new EventWords(parameterRegistryAbi, ['ParametersChanged']);

const readers: Readonly<Record<ContractKind, Reader>> = {
  gmExchange: { topics: exchange.topics, read: (log, where) => decodeExchange(exchange.decode(log), where) },
  taskStaking: { topics: staking.topics, read: (log, where) => decodeStaking(staking.decode(log), where) },
  poolManager: { topics: manager.topics, read: (log, where) => decodePoolOwner(manager.decode(log), where) },
  delegationPool: { topics: pool.topics, read: (log, where) => decodePool(pool.decode(log), where) },
  emission: { topics: emission.topics, read: (log) => decodeEmission(emission.decode(log)) },
  rewards: { topics: rewards.topics, read: (log, where) => decodeRewards(rewards.decode(log), where) },
  federationTask: { topics: federation.topics, read: (log, where) => decodeFederation(federation.decode(log), where) },
  registry: { topics: registry.topics, read: (log, where) => decodeParameters(registry.decode(log), where) },
};

/** First topics of a contract's logs that are facts. */
export const topicsOf = (kind: ContractKind): readonly Hex[] => readers[kind].topics;

/** First topics of all logs that are facts. No two of our contracts give one topic two meanings. */
export const factTopics: readonly Hex[] = [...new Set(Object.values(readers).flatMap(({ topics }) => topics))];

/** Turns a log that `contract` has made into a fact; throws for a log that is none. */
export function decodeFact(chainId: number, kind: ContractKind, contract: string, log: LogData): Fact {
  const wallet = (address: string): string => formatWallet({ chainId, address });
  return readers[kind].read(log, { wallet, contract: contract.toLowerCase() });
}
