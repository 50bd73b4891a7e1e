import type { Fact } from '../../domain/facts.js';
import { bookPool, bookPoolOwner } from './book-pools.js';
import { bookEmission, bookFederation, bookReward } from './book-rewards.js';
import { bookCase, bookLock, bookStake, type At } from './book-stakes.js';
import type { Ledger } from './ledger.js';
import { LOCK, OWN, STAKE, TOTAL, totalNames } from './tables.js';

/** Takes a final fact into the tables. Facts come in the order of the chain. */
export function book(ledger: Ledger, fact: Fact, at: At): Promise<void> {
  switch (fact.kind) {
    case 'locked':
    case 'granted':
    case 'redeemed':
      return bookLock(ledger, fact, at);
    case 'task-opened':
    case 'task-validated':
    case 'task-cancelled':
    case 'task-finished':
    case 'staked':
    case 'withdrawn':
      return bookStake(ledger, fact, at);
    case 'case-opened':
    case 'case-dismissed':
    case 'slashed':
      return bookCase(ledger, fact, at);
    case 'pool-created':
    case 'sigma-changed':
    case 'sigma-rise-announced':
      return bookPoolOwner(ledger, fact, at);
    case 'epoch-minted':
    case 'parameters-changed':
      return bookEmission(ledger, fact, at);
    default:
      if ('pool' in fact) return bookPool(ledger, fact, at);
      return 'rewards' in fact ? bookReward(ledger, fact, at) : bookFederation(ledger, fact, at);
  }
}

/** Reads ahead what the facts of a batch that come by the thousand will ask for; the rest is asked for one by one. */
export async function readAhead(ledger: Ledger, facts: readonly Fact[]): Promise<void> {
  const stakes = facts.filter((fact) => fact.kind === 'staked' || fact.kind === 'withdrawn' || fact.kind === 'slashed');
  const locks = facts.filter((fact) => fact.kind === 'redeemed' || fact.kind === 'granted');
  const names = stakes.flatMap(({ role, taskId }) => [totalNames.task(taskId, role), totalNames.role(role)]);
  await ledger.load(STAKE, stakes.map(({ wallet, role, taskId }) => ({ wallet, role, task_id: taskId })));
  await ledger.load(LOCK, locks.map(({ lockId }) => ({ lock_id: lockId })));
  await ledger.load(OWN, stakes.map(({ wallet }) => ({ wallet })));
  await ledger.load(TOTAL, [...new Set(names)].map((name) => ({ name })));
}
