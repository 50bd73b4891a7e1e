import type { DomainEvent } from '@skein/kernel';

/** Whom a case is against, and what for: the same accusation is the same case. */
export interface Accusation {
  readonly taskId: string;
  readonly role: 'node' | 'validator';
  readonly wallet: string;
  /** Hex. */
  readonly evidenceSha256: string;
}

/** A case as it was opened. `reporter` is empty where nobody is paid for it. */
export interface CaseFacts extends Accusation {
  readonly caseId: string;
  readonly reporter: string;
  /** What it is about, in kebab-case. */
  readonly rule: string;
}

type Event<Name extends string, Data> = DomainEvent<`skein.arena.case.${Name}.v1`, Data>;

/** The notice: up to `capUnits` may be taken, once the time to appeal is over. */
export type CaseOpened = Event<'opened', CaseFacts & { policyVersion: number; capUnits: bigint; appealDueAtMs: number; openedAtMs: number }>;
export type CaseAppealed = Event<'appealed', { caseId: string; reason: string; appealedAtMs: number }>;
/** `units` are to be taken on chain, once; `reason` says why an appeal was rejected and is empty where there was none. */
export type CaseDecided = Event<'decided', CaseFacts & { units: bigint; reason: string; decidedAtMs: number }>;
/** Nothing is to be taken. `decided`: a slash had been decided before. */
export type CaseDismissed = Event<'dismissed', CaseFacts & { reason: string; decided: boolean; dismissedAtMs: number }>;

export type Disagreement = '' | 'slashed-after-dismissal' | 'dismissed-after-decision' | 'not-decided';

/** How a final block ended a case; amounts are 0 where it was dismissed. */
export interface CaseOutcome {
  readonly outcome: 'slashed' | 'dismissed';
  readonly fromOwnerUnits: bigint;
  readonly fromPoolUnits: bigint;
  readonly toReporterUnits: bigint;
  readonly blockNumber: number;
}

export type CaseFinalised = Event<'finalised', CaseFacts & CaseOutcome & { disagreement: Disagreement }>;

export type CaseEvent = CaseOpened | CaseAppealed | CaseDecided | CaseDismissed | CaseFinalised;
