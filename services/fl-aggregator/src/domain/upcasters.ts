import { type Upcaster, upcasterChain } from '@skein/kernel';
import type { ModelExported, Payment, RoundSettled, RoundVoided, TaskApproved } from './federation/federation.events.js';

const undivided = { leftGm: 0n } as const;
const inFlock = (payments: readonly Omit<Payment, 'gm'>[]): Payment[] => payments.map((payment) => ({ ...payment, gm: 0n }));

/** Before, nobody told the chain of a task, and all that a pool held counted as FLOCK. */
const steps: readonly Upcaster[] = [
  { type: 'skein.federation.task.approved.v1', from: 1, lift: (data) => ({ ...(data as TaskApproved['data']), latestEndMs: 0, slashBps: 0 }) },
  {
    type: 'skein.federation.round.settled.v1',
    from: 1,
    lift: (data) => ({ ...(data as RoundSettled['data']), payments: inFlock((data as RoundSettled['data']).payments), ...undivided }),
  },
  {
    type: 'skein.federation.round.voided.v1',
    from: 1,
    lift: (data) => ({ ...(data as RoundVoided['data']), payments: inFlock((data as RoundVoided['data']).payments), ...undivided }),
  },
  { type: 'skein.federation.model.exported.v1', from: 1, lift: (data) => ({ ...(data as ModelExported['data']), ...undivided }) },
];

/** Lifts what former programs have stored. */
export const federationUpcasters = upcasterChain(steps);
