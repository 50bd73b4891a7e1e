import { gmExchangeAbi, roleOf, taskIdOf, taskStakingAbi } from '@skein/contracts-evm';
import { formatWallet } from '@skein/kernel';
import { decodeEventLog, toEventSelector, type AbiEvent, type Hex } from 'viem';
import type { Fact } from '../domain/facts.js';

/** The part of a log that says what happened. */
export interface LogData {
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

const NAMES = ['Locked', 'Redeemed', 'TaskOpened', 'TaskFinished', 'Staked', 'Withdrawn'];
const abi = [...gmExchangeAbi, ...taskStakingAbi].filter(
  (item): item is Extract<(typeof gmExchangeAbi)[number] | (typeof taskStakingAbi)[number], { type: 'event' }> =>
    item.type === 'event' && NAMES.includes(item.name),
);

/** First topics of the logs that are facts. */
export const factTopics: readonly Hex[] = abi.map((event) => toEventSelector(event as AbiEvent));

/** Turns a log of our contracts into a fact; throws for a log that is none. */
export function decodeFact(chainId: number, log: LogData): Fact {
  const decoded = decodeEventLog({ abi, topics: [...log.topics] as [Hex, ...Hex[]], data: log.data, strict: true });
  const wallet = (address: string): string => formatWallet({ chainId, address });
  switch (decoded.eventName) {
    case 'Locked': {
      const { lockId, owner, amount, gm, multiplier, feeBps, unlockTime } = decoded.args;
      const numbers = { multiplier: Number(multiplier), feeBps, unlockAtMs: unlockTime * 1000 };
      return { kind: 'locked', lockId, wallet: wallet(owner), amount, gm, ...numbers };
    }
    case 'Redeemed': {
      const { owner, ...amounts } = decoded.args;
      return { kind: 'redeemed', wallet: wallet(owner), ...amounts };
    }
    case 'TaskOpened':
      return { kind: 'task-opened', taskId: taskIdOf(decoded.args.task), latestEndMs: Number(decoded.args.latestEnd) * 1000 };
    case 'TaskFinished':
      return { kind: 'task-finished', taskId: taskIdOf(decoded.args.task), released: decoded.args.released };
    case 'Staked': {
      const { task, role, wallet: owner, amount, balance } = decoded.args;
      return { kind: 'staked', taskId: taskIdOf(task), role: roleOf(role), wallet: wallet(owner), amount, balance };
    }
    case 'Withdrawn': {
      const { task, role, wallet: owner, amount } = decoded.args;
      return { kind: 'withdrawn', taskId: taskIdOf(task), role: roleOf(role), wallet: wallet(owner), amount };
    }
    default:
      throw new Error('a log of our contracts is not a fact');
  }
}
