import { CONTEXT_OF, traceOf, type CausalTrace } from '@skein/cli';
import { OperationsService } from '@skein/contracts/operations';
import type { Actor } from './actor.js';

export { CONTEXT_OF, type CausalTrace };

/** Follows a subject of one service through all, as `skein trace` does, over the operator's gRPC clients. */
export const traceBy = (operator: Actor, home: string, subject: string): Promise<CausalTrace> =>
  traceOf(
    (service, question) => operator.client(OperationsService, service).listEvents({ context: CONTEXT_OF[service] as string, ...question }),
    [home],
    subject,
  );
