import { ok, reject, type Decider, type DomainEvent } from '@skein/kernel';
import type { BlockRef, CaseFact } from '../facts.js';
import type { Cause } from '../position/position.events.js';

/** A final fact changed a case: its notice, its slash or its dismissal. */
export type CaseChanged = DomainEvent<
  'skein.staking.case.changed.v1',
  { readonly asOf: BlockRef; readonly cause: Cause; readonly fact: CaseFact }
>;

export const caseStreamId = (caseId: string): string => `case-${caseId}`;

/** A case that nobody has ended so long after its notice has ended without a slash, by the contract; no log says so. */
export const CASE_MS = 30 * 86_400_000;

/** Whom a case is against. */
export const accusedOf = (fact: CaseFact): string => (fact.kind === 'slashed' ? fact.wallet : fact.accused);

/** Takes a final fact into its case. Facts of one case come in the order of the chain, each once. */
export interface ApplyCaseFact {
  readonly fact: CaseFact;
  readonly cause: Cause;
  readonly asOf: BlockRef;
}

export interface CaseState {
  readonly status: 'unknown' | 'open' | 'ended';
  readonly cap: bigint;
}

function contradiction(state: CaseState, fact: CaseFact): string | undefined {
  if (fact.kind === 'case-opened') return state.status === 'unknown' ? undefined : 'it was opened before';
  if (state.status !== 'open') return 'it is not open';
  if (fact.kind === 'slashed' && fact.fromOwner + fact.fromPool > state.cap) return `it took more than ${state.cap}`;
  return undefined;
}

/** One case by final facts. One that runs out of time stays open here: the chain says nothing of it. */
export const caseDecider: Decider<CaseState, ApplyCaseFact, CaseChanged> = {
  initialState: () => ({ status: 'unknown', cap: 0n }),
  decide({ fact, cause, asOf }, state) {
    const problem = contradiction(state, fact);
    if (problem !== undefined) return reject('failed-precondition', 'case-contradicts-chain', `case ${fact.caseId}: ${problem}`);
    return ok([{ type: 'skein.staking.case.changed.v1', data: { asOf, cause, fact } }]);
  },
  evolve: (state, { data: { fact } }) => (fact.kind === 'case-opened' ? { status: 'open', cap: fact.cap } : { ...state, status: 'ended' }),
};
