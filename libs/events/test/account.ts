import { ok, reject, type Decider, type DomainEvent } from '@skein/kernel';
import type { EventMetadata } from '../src/types.js';

export type AccountEvent = DomainEvent<'skein.test.account.deposited.v1', { amount: bigint }> | DomainEvent<'skein.test.account.withdrawn.v1', { amount: bigint }>;
export interface AccountCommand {
  change: bigint;
  times?: number;
}

export const deposited = (amount: bigint): AccountEvent => ({ type: 'skein.test.account.deposited.v1', data: { amount } });
export const withdrawn = (amount: bigint): AccountEvent => ({ type: 'skein.test.account.withdrawn.v1', data: { amount } });

/** An account that refuses to go below zero. */
export const account: Decider<{ balance: bigint }, AccountCommand, AccountEvent> = {
  initialState: () => ({ balance: 0n }),
  decide: ({ change, times = 1 }, { balance }) => {
    if (balance + change < 0n) return reject('failed-precondition', 'insufficient-balance', 'not enough', 'change');
    return ok(Array.from({ length: times }, () => (change < 0n ? withdrawn(-change) : deposited(change))));
  },
  evolve: ({ balance }, event) => ({ balance: event.type === 'skein.test.account.deposited.v1' ? balance + event.data.amount : balance - event.data.amount }),
};

export const metadata: EventMetadata = { correlationId: 'c-1', actor: 'test' };
