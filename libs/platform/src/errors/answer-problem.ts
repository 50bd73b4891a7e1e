import type { IncomingMessage, ServerResponse } from 'node:http';
import { RejectionError } from '@skein/kernel';
import { correlationOf } from '../dispatch/context.js';
import { normaliseError } from './normalise.js';
import { PROBLEM_TYPE, retryAfterSeconds, toProblem } from './problem.js';

/**
 * Answers any thrown value as a problem where there is no Fastify (a front port, a service that has stopped), with the
 * caller's correlation id or a new one, as every REST error does.
 */
export function answerProblem(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
  const given = request.headers['x-correlation-id'];
  const correlationId = correlationOf(Array.isArray(given) ? given[0] : given);
  const { error } = normaliseError(thrown);
  const problem = toProblem(error, correlationId);
  const retryAfter = retryAfterSeconds(error);
  response.writeHead(problem.status, { 'content-type': PROBLEM_TYPE, 'x-correlation-id': correlationId, ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) });
  response.end(JSON.stringify(problem));
}

/** What a front port answers for a service that does not run while the others do. */
export const serviceClosed = (service: string): RejectionError =>
  new RejectionError({ code: 'unavailable', rule: 'service-closed', message: `${service} is not running` });
