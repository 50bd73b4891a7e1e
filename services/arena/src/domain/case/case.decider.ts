import { type Decider, type Rejection, type Result, ok, reject } from '@skein/kernel';
import { countedStake } from '../reward/staker.policy.js';
import type { AppealCase, CaseCommand, CloseAppeal, DismissCase, FinaliseCase, OpenCase, RejectAppeal } from './case.commands.js';
import type { CaseEvent, CaseFacts, CaseOutcome, Disagreement } from './case.events.js';

export type CaseStatus = 'open' | 'appealed' | 'decided' | 'dismissed' | 'final';

export interface CaseState {
  readonly status: CaseStatus | 'none';
  readonly facts: CaseFacts;
  readonly capUnits: bigint;
  readonly appealDueAtMs: number;
  /** What was decided on; undefined before. */
  readonly units: bigint | undefined;
  /** Why it was appealed, rejected or dismissed, the last of them. */
  readonly reason: string;
  readonly outcome: CaseOutcome | undefined;
  readonly disagreement: Disagreement;
}

type Decision = Result<readonly CaseEvent[], Rejection>;

/** A case takes at most a tenth of the stake that counts. */
const CAP_DIVISOR = 10n;

const NO_FACTS: CaseFacts = { caseId: '', taskId: '', role: 'node', wallet: '', evidenceSha256: '', reporter: '', rule: '' };
const initial: CaseState = {
  status: 'none', facts: NO_FACTS, capUnits: 0n, appealDueAtMs: 0, units: undefined, reason: '', outcome: undefined, disagreement: '',
};

export const caseStream = (caseId: string): string => `case-${caseId}`;

function open({ facts, task, staker, nowMs }: OpenCase, state: CaseState): Decision {
  if (state.status !== 'none') {
    const { reporter, rule } = state.facts;
    return reporter === facts.reporter && rule === facts.rule
      ? ok([])
      : reject('conflict', 'case-opened-otherwise', 'this accusation was opened before, with another rule or reporter');
  }
  if (task === undefined) return reject('not-found', 'task-not-found', 'no such task has been approved', 'task');
  if (facts.reporter === facts.wallet) return reject('invalid-argument', 'reporter-is-accused', 'nobody is paid for reporting itself', 'reporter');
  const capUnits = (staker === undefined ? 0n : countedStake(staker)) / CAP_DIVISOR;
  if (capUnits === 0n) return reject('failed-precondition', 'nothing-staked', 'the wallet has no stake there that a case could take from', 'wallet');
  const { policyVersion, appealSeconds } = task;
  const data = { ...facts, policyVersion, capUnits, appealDueAtMs: nowMs + appealSeconds * 1000, openedAtMs: nowMs };
  return ok([{ type: 'skein.arena.case.opened.v1', data }]);
}

const wrongStatus = ({ status }: CaseState, rule: string, what: string): Decision => reject('failed-precondition', rule, `a case that is ${status} cannot be ${what}`, 'name');

function appeal({ wallet, reason, nowMs }: AppealCase, state: CaseState): Decision {
  const { caseId, wallet: accused } = state.facts;
  if (wallet !== accused) return reject('permission-denied', 'not-the-accused', 'only the accused may appeal');
  if (state.status !== 'open') return wrongStatus(state, 'case-not-open', 'appealed');
  if (nowMs >= state.appealDueAtMs) return reject('failed-precondition', 'appeal-over', 'the time to appeal is over', 'name');
  return ok([{ type: 'skein.arena.case.appealed.v1', data: { caseId, reason, appealedAtMs: nowMs } }]);
}

const decided = ({ facts, capUnits }: CaseState, reason: string, nowMs: number): Decision =>
  ok([{ type: 'skein.arena.case.decided.v1', data: { ...facts, units: capUnits, reason, decidedAtMs: nowMs } }]);

const closeAppeal = ({ nowMs }: CloseAppeal, state: CaseState): Decision =>
  state.status === 'open' && nowMs >= state.appealDueAtMs ? decided(state, '', nowMs) : ok([]);

const rejectAppeal = ({ reason, nowMs }: RejectAppeal, state: CaseState): Decision =>
  state.status === 'appealed' ? decided(state, reason, nowMs) : wrongStatus(state, 'case-not-appealed', 'decided');

function dismiss({ reason, nowMs }: DismissCase, state: CaseState): Decision {
  if (state.status === 'dismissed' || state.status === 'final') return wrongStatus(state, 'case-ended', 'dismissed');
  return ok([{ type: 'skein.arena.case.dismissed.v1', data: { ...state.facts, reason, decided: state.status === 'decided', dismissedAtMs: nowMs } }]);
}

/** What the chain did is taken as it is; how it differs from what was decided here is said. */
function disagreementOf({ outcome }: CaseOutcome, { status }: CaseState): Disagreement {
  if (outcome === 'slashed') return status === 'decided' ? '' : status === 'dismissed' ? 'slashed-after-dismissal' : 'not-decided';
  return status === 'dismissed' ? '' : status === 'decided' ? 'dismissed-after-decision' : 'not-decided';
}

function finalise({ outcome }: FinaliseCase, state: CaseState): Decision {
  if (state.status === 'none' || state.status === 'final') return ok([]);
  return ok([{ type: 'skein.arena.case.finalised.v1', data: { ...state.facts, ...outcome, disagreement: disagreementOf(outcome, state) } }]);
}

function decide(command: CaseCommand, state: CaseState): Decision {
  if (command.kind === 'open') return open(command, state);
  if (command.kind === 'finalise') return finalise(command, state);
  if (state.status === 'none') return reject('not-found', 'case-not-found', 'there is no such case', 'name');
  switch (command.kind) {
    case 'appeal':
      return appeal(command, state);
    case 'close-appeal':
      return closeAppeal(command, state);
    case 'reject-appeal':
      return rejectAppeal(command, state);
    case 'dismiss':
      return dismiss(command, state);
  }
}

function evolve(state: CaseState, event: CaseEvent): CaseState {
  switch (event.type) {
    case 'skein.arena.case.opened.v1': {
      const { policyVersion: _, openedAtMs: __, capUnits, appealDueAtMs, ...facts } = event.data;
      return { ...state, status: 'open', facts, capUnits, appealDueAtMs };
    }
    case 'skein.arena.case.appealed.v1':
      return { ...state, status: 'appealed', reason: event.data.reason };
    case 'skein.arena.case.decided.v1':
      return { ...state, status: 'decided', units: event.data.units, reason: event.data.reason };
    case 'skein.arena.case.dismissed.v1':
      return { ...state, status: 'dismissed', reason: event.data.reason };
    case 'skein.arena.case.finalised.v1': {
      const { outcome, fromOwnerUnits, fromPoolUnits, toReporterUnits, blockNumber, disagreement } = event.data;
      return { ...state, status: 'final', outcome: { outcome, fromOwnerUnits, fromPoolUnits, toReporterUnits, blockNumber }, disagreement };
    }
  }
}

/** The life of one case: open → appealed → decided or dismissed → final. Stream `case-<case id>`. */
export const caseDecider: Decider<CaseState, CaseCommand, CaseEvent> = { initialState: () => initial, decide, evolve };
