import { roleOf, taskIdOf, type gmExchangeAbi, type taskStakingAbi } from '@skein/contracts-evm';
import { zeroAddress, type DecodeEventLogReturnType } from 'viem';
import type { CaseFact, Fact } from '../domain/facts.js';
import { notAFact, type Where } from './event-words.js';

type ExchangeEvent = DecodeEventLogReturnType<typeof gmExchangeAbi>;
type StakingEvent = DecodeEventLogReturnType<typeof taskStakingAbi>;

export function decodeExchange(event: ExchangeEvent, { wallet }: Where): Fact {
  switch (event.eventName) {
    case 'Locked': {
      const { lockId, owner, amount, gm, multiplier, feeBps, unlockTime } = event.args;
      const numbers = { multiplier: Number(multiplier), feeBps, unlockAtMs: unlockTime * 1000 };
      return { kind: 'locked', lockId, wallet: wallet(owner), amount, gm, ...numbers };
    }
    case 'Granted': {
      const { lockId, grantor, beneficiary } = event.args;
      return { kind: 'granted', lockId, grantor: wallet(grantor), beneficiary: wallet(beneficiary) };
    }
    case 'Redeemed': {
      const { owner, lockId, gm, paid, fee, gmRemaining, amountRemaining } = event.args;
      return { kind: 'redeemed', lockId, wallet: wallet(owner), gm, paid, fee, gmRemaining, amountRemaining };
    }
    default:
      throw notAFact(event);
  }
}

export function decodeStaking(event: StakingEvent, where: Where): Fact {
  const { wallet } = where;
  switch (event.eventName) {
    case 'TaskOpened':
      return { kind: 'task-opened', taskId: taskIdOf(event.args.task), latestEndMs: Number(event.args.latestEnd) * 1000 };
    case 'FinalValidationEnded':
      return { kind: 'task-validated', taskId: taskIdOf(event.args.task), endedAtMs: Number(event.args.endedAt) * 1000 };
    case 'TaskCancelled':
      return { kind: 'task-cancelled', taskId: taskIdOf(event.args.task) };
    case 'TaskFinished':
      return { kind: 'task-finished', taskId: taskIdOf(event.args.task), released: event.args.released };
    case 'Staked': {
      const { task, role, wallet: owner, amount, balance } = event.args;
      return { kind: 'staked', taskId: taskIdOf(task), role: roleOf(role), wallet: wallet(owner), amount, balance };
    }
    case 'Withdrawn': {
      const { task, role, wallet: owner, amount } = event.args;
      return { kind: 'withdrawn', taskId: taskIdOf(task), role: roleOf(role), wallet: wallet(owner), amount };
    }
    default:
      return decodeCase(event, where);
  }
}

function decodeCase(event: StakingEvent, { wallet }: Where): CaseFact {
  switch (event.eventName) {
    case 'CaseOpened': {
      const { caseId, task, role, wallet: accused, pool, reporter, cap, own, counted, evidence } = event.args;
      return {
        kind: 'case-opened',
        caseId,
        taskId: taskIdOf(task),
        role: roleOf(role),
        accused: wallet(accused),
        ...(pool === zeroAddress ? {} : { pool }),
        ...(reporter === zeroAddress ? {} : { reporter: wallet(reporter) }),
        cap,
        own,
        counted,
        evidence,
      };
    }
    case 'CaseDismissed':
      return { kind: 'case-dismissed', caseId: event.args.caseId, accused: wallet(event.args.wallet) };
    case 'Slashed': {
      const { caseId, task, role, wallet: owner, fromOwner, fromPool, toReporter, balance } = event.args;
      const place = { taskId: taskIdOf(task), role: roleOf(role), wallet: wallet(owner) };
      return { kind: 'slashed', caseId, ...place, fromOwner, fromPool, toReporter, balance };
    }
    default:
      throw notAFact(event);
  }
}
