import { taskIdOf, type delegationPoolAbi, type federationTaskAbi, type poolManagerAbi } from '@skein/contracts-evm';
import { zeroAddress, type DecodeEventLogReturnType } from 'viem';
import type { Fact } from '../domain/facts.js';
import { notAFact, type Where } from './event-words.js';

type ManagerEvent = DecodeEventLogReturnType<typeof poolManagerAbi>;
type PoolEvent = DecodeEventLogReturnType<typeof delegationPoolAbi>;
type FederationEvent = DecodeEventLogReturnType<typeof federationTaskAbi>;

export function decodePoolOwner(event: ManagerEvent, { wallet }: Where): Fact {
  switch (event.eventName) {
    case 'PoolCreated': {
      const { owner, pool, sigma } = event.args;
      return { kind: 'pool-created', owner: wallet(owner), pool, sigma };
    }
    case 'SigmaChanged':
      return { kind: 'sigma-changed', owner: wallet(event.args.owner), sigma: event.args.sigma };
    case 'SigmaRiseAnnounced': {
      const { owner, sigma, risesAt } = event.args;
      return { kind: 'sigma-rise-announced', owner: wallet(owner), sigma, risesAtMs: risesAt * 1000 };
    }
    default:
      throw notAFact(event);
  }
}

export function decodePool(event: PoolEvent, { wallet, contract: pool }: Where): Fact {
  switch (event.eventName) {
    case 'Delegated': {
      const { delegator, amount, shares, epoch, aboveCap } = event.args;
      return { kind: 'delegated', pool, delegator: wallet(delegator), amount, shares, epoch: Number(epoch), aboveCap };
    }
    case 'ExitAsked': {
      const { exitId, delegator, amount, shares, epoch, paidFrom } = event.args;
      const when = { epoch: Number(epoch), paidFromMs: paidFrom * 1000 };
      return { kind: 'exit-asked', pool, exitId, delegator: wallet(delegator), amount, shares, ...when };
    }
    case 'ExitPaid': {
      const { exitId, delegator, amount } = event.args;
      return { kind: 'exit-paid', pool, exitId, delegator: wallet(delegator), amount };
    }
    case 'Activated': {
      const { epoch, sharesIn, sharesOut, totalShares, rewardIndex } = event.args;
      return { kind: 'pool-activated', pool, epoch: Number(epoch), sharesIn, sharesOut, totalShares, rewardIndex };
    }
    case 'Funded': {
      const { epoch, amount, rewardIndex, carry, totalShares } = event.args;
      return { kind: 'pool-funded', pool, epoch: Number(epoch), amount, rewardIndex, carry, totalShares };
    }
    case 'Claimed': {
      const { delegator, amount, fee } = event.args;
      return { kind: 'pool-claimed', pool, delegator: wallet(delegator), amount, fee };
    }
    case 'PrincipalSlashed': {
      const { caseId, amount, principalIndex, total } = event.args;
      return { kind: 'pool-slashed', pool, caseId, amount, principalIndex, total };
    }
    case 'PoolClosed':
      return { kind: 'pool-closed', pool, caseId: event.args.caseId };
    default:
      throw notAFact(event);
  }
}

export function decodeFederation(event: FederationEvent, where: Where): Fact {
  const { wallet } = where;
  switch (event.eventName) {
    case 'TaskCreated': {
      const { sponsor, latestEnd, rounds, slashBps, threshold } = event.args.terms;
      const terms = { sponsor: wallet(sponsor), latestEndMs: Number(latestEnd) * 1000, rounds, slashBps, threshold };
      return { kind: 'federation-created', taskId: taskIdOf(event.args.task), ...terms };
    }
    case 'PoolFunded': {
      const { task, from, amount, poolFlock } = event.args;
      return { kind: 'federation-funded', taskId: taskIdOf(task), from: wallet(from), amount, poolFlock };
    }
    case 'TaskFinished': {
      const { task, released, restFlock, restGm } = event.args;
      return { kind: 'federation-finished', taskId: taskIdOf(task), released, restFlock, restGm };
    }
    default:
      return decodeMember(event, where);
  }
}

function decodeMember(event: FederationEvent, where: Where): Fact {
  const { wallet } = where;
  switch (event.eventName) {
    case 'Joined': {
      const { task, wallet: member, amount, stake } = event.args;
      return { kind: 'federation-joined', taskId: taskIdOf(task), wallet: wallet(member), amount, stake };
    }
    case 'StakeWithdrawn':
      return { kind: 'federation-withdrawn', taskId: taskIdOf(event.args.task), wallet: wallet(event.args.wallet), amount: event.args.amount };
    case 'Taken':
      return { kind: 'federation-taken', payee: wallet(event.args.wallet), flock: event.args.flock, gm: event.args.gm };
    default:
      return decodeRound(event, where);
  }
}

function decodeRound(event: FederationEvent, { wallet }: Where): Fact {
  switch (event.eventName) {
    case 'RoundOpened':
      return { kind: 'federation-round-opened', taskId: taskIdOf(event.args.task), round: event.args.round };
    case 'MemberSlashed': {
      const { task, round, wallet: member, amount, stake } = event.args;
      return { kind: 'federation-slashed', taskId: taskIdOf(task), round, wallet: wallet(member), amount, stake };
    }
    case 'MemberPaid': {
      const { task, round, wallet: payee, flock, gm } = event.args;
      return { kind: 'federation-paid', taskId: taskIdOf(task), round, payee: wallet(payee), flock, gm };
    }
    case 'RoundSettled': {
      const { task, round, caller, toCaller, poolFlock, poolGm } = event.args;
      const called = caller === zeroAddress ? {} : { caller: wallet(caller) };
      return { kind: 'federation-settled', taskId: taskIdOf(task), round, ...called, toCaller, poolFlock, poolGm };
    }
    default:
      throw notAFact(event);
  }
}
