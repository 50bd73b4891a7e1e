import type { Staker } from '../reward/staker.policy.js';
import type { CaseFacts, CaseOutcome } from './case.events.js';

/** `task` and `staker` as they are at the moment of the accusation; undefined where there is no such one. */
export interface OpenCase {
  readonly kind: 'open';
  readonly facts: CaseFacts;
  readonly task: { readonly policyVersion: number; readonly appealSeconds: number } | undefined;
  readonly staker: Pick<Staker, 'ownUnits' | 'delegatedUnits'> | undefined;
  readonly nowMs: number;
}

export interface AppealCase {
  readonly kind: 'appeal';
  readonly wallet: string;
  readonly reason: string;
  readonly nowMs: number;
}

/** The time to appeal is over: decided, unless somebody has appealed. */
export interface CloseAppeal {
  readonly kind: 'close-appeal';
  readonly nowMs: number;
}

export interface RejectAppeal {
  readonly kind: 'reject-appeal';
  readonly reason: string;
  readonly nowMs: number;
}

export interface DismissCase {
  readonly kind: 'dismiss';
  readonly reason: string;
  readonly nowMs: number;
}

/** A final block has ended the case. Of one that was not opened here nothing follows. */
export interface FinaliseCase {
  readonly kind: 'finalise';
  readonly outcome: CaseOutcome;
}

export type CaseCommand = OpenCase | AppealCase | CloseAppeal | RejectAppeal | DismissCase | FinaliseCase;
