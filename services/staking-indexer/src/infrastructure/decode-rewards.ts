import { taskIdOf, type emissionAbi, type parameterRegistryAbi, type rewardsAbi } from '@skein/contracts-evm';
import { zeroHash, type DecodeEventLogReturnType, type Hex } from 'viem';
import type { Fact } from '../domain/facts.js';
import { notAFact, type Where } from './event-words.js';

export function decodeEmission(event: DecodeEventLogReturnType<typeof emissionAbi>): Fact {
  if (event.eventName !== 'EpochMinted') throw notAFact(event);
  const { epoch, amount, totalMinted } = event.args;
  return { kind: 'epoch-minted', epoch: Number(epoch), amount, totalMinted };
}

export function decodeParameters(event: DecodeEventLogReturnType<typeof parameterRegistryAbi>, { wallet }: Where): Fact {
  if (event.eventName !== 'ParametersChanged') throw notAFact(event);
  const { treasury, ...values } = event.args.values;
  return { kind: 'parameters-changed', treasury: wallet(treasury), ...values };
}

export function decodeRewards(event: DecodeEventLogReturnType<typeof rewardsAbi>, { wallet, contract: rewards }: Where): Fact {
  switch (event.eventName) {
    case 'RewardsFunded': {
      const { from, amount, totalFunded } = event.args;
      return { kind: 'rewards-funded', rewards, from: wallet(from), amount, totalFunded };
    }
    case 'RootPosted': {
      const { epoch, root, sum, activeFrom } = event.args;
      return { kind: 'root-posted', rewards, epoch: Number(epoch), root, sum, activeFromMs: activeFrom * 1000 };
    }
    case 'RootVetoed':
      return { kind: 'root-vetoed', rewards, epoch: Number(event.args.epoch), root: event.args.root };
    case 'VestingFixed': {
      const { task, start, duration } = event.args;
      return { kind: 'vesting-fixed', rewards, taskId: taskIdOf(task), startMs: start * 1000, durationMs: duration * 1000 };
    }
    case 'RewardPaid': {
      const { account, stream, epoch, to, amount, fee, paid } = event.args;
      const who = { account: wallet(account), ...streamOf(stream), to: wallet(to) };
      return { kind: 'reward-paid', rewards, ...who, epoch: Number(epoch), amount, fee, paid };
    }
    default:
      throw notAFact(event);
  }
}

/** A stream that is no task's cannot be paid: its vesting can never have been fixed. */
const streamOf = (stream: Hex): { taskId?: string } => (stream === zeroHash ? {} : { taskId: taskIdOf(stream.slice(0, 34) as Hex) });
