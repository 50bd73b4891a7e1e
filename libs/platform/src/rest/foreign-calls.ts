import { failpoint } from '@skein/telemetry';
import { sha256Text } from '../auth/credentials.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { ForeignCalls } from '../service-definition.js';
import { callInfoOf } from './rest-server.js';

/** Runs foreign HTTP calls through the dispatcher. */
export function foreignCalls(dispatcher: Dispatcher, defaultTimeoutMs: number): ForeignCalls {
  return {
    handle: async (request, reply, { name, roles, scope = '', command = false, timeoutMs = defaultTimeoutMs }, work) => {
      const body = (): string => (request.body instanceof Uint8Array ? Buffer.from(request.body).toString('base64') : JSON.stringify(request.body ?? null));
      const hash = (): string => sha256Text(`${request.method} ${request.url}\0${body()}`);
      const answer = await dispatcher.foreign({ name, roles, scope, command }, callInfoOf(request, reply, timeoutMs), hash, work);
      failpoint('http.answer');
      return answer;
    },
  };
}
