import { fromJson, getOption, toJson, type DescMethodUnary, type JsonObject, type JsonValue, type MessageInitShape, type MessageShape, create, type DescMessage } from '@bufbuild/protobuf';
import { http } from '@skein/contracts/google/api';
import { CliError, EXIT } from './errors.js';
import { CONTEXT_OF } from './services.js';

/** Where the front port is, and the operator's token. */
export interface Connection {
  readonly url: string;
  readonly token: string;
}

/** Calls without an answer for so long are given up. */
const TIMEOUT_MS = 60_000;

interface Route {
  readonly verb: 'GET' | 'POST';
  readonly path: string;
}

function routeOf(method: DescMethodUnary): Route {
  const { pattern } = getOption(method, http);
  if (pattern.case === 'get') return { verb: 'GET', path: pattern.value };
  if (pattern.case === 'post') return { verb: 'POST', path: pattern.value };
  throw new Error(`${method.name} is neither GET nor POST`);
}

function queryOf(fields: JsonObject): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  return query.size === 0 ? '' : `?${query}`;
}

const words = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code !== '' ? code : cause instanceof Error ? cause.message : String(cause);
};

/** What an answer that is no success means to an operator, and what to do next. */
function refusal(service: string, status: number, problem: Record<string, unknown>): CliError {
  const text = (name: string): string => (typeof problem[name] === 'string' ? (problem[name] as string) : '');
  const [code, rule] = [text('code'), text('rule')];
  if (code === '') return new CliError(EXIT.unreachable, `the address answers with HTTP ${status}, but not as Skein does; is --url right?`, `http-${status}`);
  if (code === 'unauthenticated') return new CliError(EXIT.failed, "the operator's token is not accepted; set SKEIN_TOKEN, --token-file or --devnet to this installation's", code, rule);
  if (code === 'permission-denied') return new CliError(EXIT.failed, 'this needs the token of the operator', code, rule);
  if (code === 'deadline-exceeded') return new CliError(EXIT.unreachable, `${service} did not come to an end in the time that a call may take; what it has done stays done, so ask again for the rest`, code, rule);
  if (code === 'unavailable') return new CliError(EXIT.unreachable, `${service} is not available: ${text('detail')}; try again`, code, rule);
  const field = text('field');
  return new CliError(EXIT.failed, `${text('detail') || text('title') || code}${field === '' ? '' : ` (${field})`}`, code, rule);
}

/** Calls a service's RPC over REST through the front port. */
export class Api {
  readonly #connection: Connection;
  readonly #fetch: typeof fetch;
  constructor(connection: Connection, fetching: typeof fetch = fetch) {
    this.#connection = connection;
    this.#fetch = fetching;
  }

  /** The decoded answer; every failure is a `CliError`. `context` is filled in. */
  async call<I extends DescMessage, O extends DescMessage>(service: string, method: DescMethodUnary<I, O>, request: MessageInitShape<I>): Promise<MessageShape<O>> {
    const { verb, path } = routeOf(method);
    const fields = toJson(method.input, create(method.input, request)) as JsonObject;
    const target = path.replace('{context}', CONTEXT_OF[service] ?? service);
    const answer = await this.#send(verb, verb === 'GET' ? `${target}${queryOf(fields)}` : target, verb === 'POST' ? fields : undefined);
    const body = await json(answer);
    if (!answer.ok) throw refusal(service, answer.status, typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {});
    if (body === undefined) throw refusal(service, answer.status, {});
    return fromJson(method.output, body, { ignoreUnknownFields: true });
  }

  async #send(verb: string, path: string, body: JsonObject | undefined): Promise<Response> {
    const { url, token } = this.#connection;
    try {
      return await this.#fetch(new URL(path, url), {
        method: verb,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError')
        throw new CliError(EXIT.unreachable, `no answer from ${url} within ${TIMEOUT_MS / 1_000} s: Skein is there, but busy; what was asked for may still be under way, so look before you ask again`, 'timeout');
      throw new CliError(EXIT.unreachable, `cannot reach ${url} (${words(error)}); is Skein running there? Name its front port with --url or SKEIN_URL`, 'unreachable');
    }
  }
}

async function json(answer: Response): Promise<JsonValue | undefined> {
  try {
    return (await answer.json()) as JsonValue;
  } catch {
    return undefined;
  }
}
