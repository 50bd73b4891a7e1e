import type { RequestTransactionRequest } from '@skein/contracts/staking/internal';
import { RejectionError } from '@skein/kernel';
import type { Intent } from '../../domain/outbox/intent.js';

type Asked = RequestTransactionRequest['intent'];
type Case = Exclude<Asked['case'], undefined>;
type ValueOf<C extends Case> = Extract<Asked, { case: C }>['value'];

/** The contracts' word for nobody. */
export const NOBODY = `0x${'0'.repeat(40)}`;
const orNobody = (account: string): string => (account === '' ? NOBODY : account);
const role = (text: string): 'node' | 'validator' | 'participant' => text as 'node' | 'validator' | 'participant';

const mappers: { readonly [C in Case]: (value: ValueOf<C>) => Intent } = {
  mintEpoch: ({ epoch }) => ({ kind: 'mint-epoch', epoch }),
  postRoot: ({ epoch, revision, root, sumUnits }) => ({ kind: 'post-root', epoch, revision, root, sum: BigInt(sumUnits) }),
  fixVesting: ({ task, startSeconds, durationSeconds }) => ({ kind: 'fix-vesting', taskId: task, start: startSeconds, duration: durationSeconds }),
  openTask: ({ task, latestEndSeconds }) => ({ kind: 'open-task', taskId: task, latestEnd: latestEndSeconds }),
  endFinalValidation: ({ task }) => ({ kind: 'end-final-validation', taskId: task }),
  finishTask: ({ task }) => ({ kind: 'finish-task', taskId: task }),
  cancelTask: ({ task }) => ({ kind: 'cancel-task', taskId: task }),
  openCase: ({ caseId, task, role: as, account, reporter, capUnits, evidence }) =>
    ({ kind: 'open-case', caseId, taskId: task, role: role(as), wallet: account, reporter: orNobody(reporter), cap: BigInt(capUnits), evidence }),
  slash: ({ caseId, units }) => ({ kind: 'slash', caseId, amount: BigInt(units) }),
  dismissCase: ({ caseId }) => ({ kind: 'dismiss-case', caseId }),
  createFederation: ({ task, sponsor, latestEndSeconds, rounds, slashBps, thresholdUnits }) =>
    ({ kind: 'create-federation', taskId: task, sponsor, latestEnd: latestEndSeconds, rounds, slashBps, threshold: BigInt(thresholdUnits) }),
  openRound: ({ task, round }) => ({ kind: 'open-round', taskId: task, round }),
  settleRound: ({ task, round, caller, slashes, pays }) => ({
    kind: 'settle-round',
    taskId: task,
    round,
    caller: orNobody(caller),
    slashes: slashes.map(({ account, units }) => ({ wallet: account, amount: BigInt(units) })),
    pays: pays.map(({ account, flockUnits, gmFlockUnits }) => ({ wallet: account, flock: BigInt(flockUnits), gm: BigInt(gmFlockUnits) })),
  }),
  finishFederation: ({ task }) => ({ kind: 'finish-federation', taskId: task }),
};

/** The intent that a request asks for; refused where it asks for none. */
export function intentFrom(asked: Asked): Intent {
  if (asked.case === undefined) throw new RejectionError({ code: 'invalid-argument', rule: 'required', message: 'intent is required', field: 'intent' });
  return (mappers[asked.case] as (value: unknown) => Intent)(asked.value);
}
