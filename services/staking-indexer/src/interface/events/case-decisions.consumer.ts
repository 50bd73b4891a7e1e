import { CaseDecidedSchema, CaseDismissedSchema, CaseOpenedSchema } from '@skein/contracts/arena';
import { parseWallet } from '@skein/kernel';
import type { MessageHandler } from '@skein/messaging';
import type { TakeCases } from '../../application/outbox/take-cases.js';
import type { TakeDecisions } from '../../application/outbox/take-decisions.js';
import { NOBODY } from '../grpc/intent.mapper.js';
import { taking, unitsOf } from './decisions.consumer.js';

const CASES = 'arena.case.v1';

const roleOf = (text: string): 'node' | 'validator' => (text === 'validator' ? 'validator' : 'node');
const addressOf = (wallet: string): string => (wallet === '' ? NOBODY : parseWallet(wallet).address);

/** Cases of the arena: their notices and how they end. */
export function caseHandlers(decisions: TakeDecisions, cases: TakeCases): readonly MessageHandler[] {
  const on = taking(decisions);
  return [
    on(CASES, 'skein.arena.case.opened.v1', CaseOpenedSchema, ({ caseId, task, role, wallet, reporter, capUnits, evidenceSha256, rule }, metadata) =>
      cases.opened(
        {
          kind: 'open-case', caseId, taskId: task.replace(/^tasks\//, ''), role: roleOf(role), wallet: addressOf(wallet), reporter: addressOf(reporter),
          cap: unitsOf(capUnits), evidence: `0x${evidenceSha256}`, rule,
        },
        metadata,
      )),
    on(CASES, 'skein.arena.case.decided.v1', CaseDecidedSchema, ({ caseId, units }, metadata) =>
      cases.decided({ kind: 'slash', caseId, amount: unitsOf(units) }, metadata)),
    on(CASES, 'skein.arena.case.dismissed.v1', CaseDismissedSchema, ({ caseId, reason, decided }, metadata) =>
      cases.dismissed({ caseId, reason, decided }, metadata)),
  ];
}
