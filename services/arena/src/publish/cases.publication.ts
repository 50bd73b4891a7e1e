import { CaseDecidedSchema, CaseDismissedSchema, CaseFinalisedSchema, CaseOpenedSchema } from '@skein/contracts/arena';
import { type Publication, publicMessage } from '@skein/messaging';
import { taskName } from '../application/names.js';
import type { CaseEvent, CaseFacts } from '../domain/case/case.events.js';

const topic = 'arena.case.v1';

const whose = ({ caseId, taskId, role, wallet }: CaseFacts) => ({ caseId, task: taskName(taskId), role, wallet });

/** Cases, for those who carry them out and those whom they concern. Why somebody appeals stays between the two parties. */
export const casesPublication: Publication = {
  name: 'cases',
  topic,
  types: ['skein.arena.case.opened.v1', 'skein.arena.case.decided.v1', 'skein.arena.case.dismissed.v1', 'skein.arena.case.finalised.v1'],
  map(event) {
    const { type, data } = { type: event.type, data: event.data } as CaseEvent;
    switch (type) {
      case 'skein.arena.case.opened.v1': {
        const { reporter, rule, evidenceSha256, policyVersion, capUnits, appealDueAtMs, openedAtMs } = data;
        const times = { appealDueAtMs: BigInt(appealDueAtMs), openedAtMs: BigInt(openedAtMs) };
        return publicMessage({ event, topic, schema: CaseOpenedSchema, message: { ...whose(data), reporter, rule, evidenceSha256, policyVersion, capUnits: capUnits.toString(), ...times } });
      }
      case 'skein.arena.case.decided.v1': {
        const { reporter, rule, evidenceSha256, units, decidedAtMs } = data;
        return publicMessage({ event, topic, schema: CaseDecidedSchema, message: { ...whose(data), reporter, rule, evidenceSha256, units: units.toString(), decidedAtMs: BigInt(decidedAtMs) } });
      }
      case 'skein.arena.case.dismissed.v1':
        return publicMessage({ event, topic, schema: CaseDismissedSchema, message: { ...whose(data), reason: data.reason, decided: data.decided } });
      case 'skein.arena.case.finalised.v1': {
        const { outcome, fromOwnerUnits, fromPoolUnits, toReporterUnits, blockNumber, disagreement } = data;
        const taken = { fromOwnerUnits: fromOwnerUnits.toString(), fromPoolUnits: fromPoolUnits.toString(), toReporterUnits: toReporterUnits.toString() };
        return publicMessage({ event, topic, schema: CaseFinalisedSchema, message: { ...whose(data), outcome, ...taken, blockNumber: BigInt(blockNumber), disagreement } });
      }
      default:
        return undefined;
    }
  },
};
