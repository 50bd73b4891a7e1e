import { getOption, hasOption, type DescMethod } from '@bufbuild/protobuf';
import { http as httpOption } from '@skein/contracts/google/api';
import { createClient, SkeinError } from '@skein/sdk';

/** How a call ended: `ok`, or the refusal's code and rule. */
export interface Outcome {
  readonly code: string;
  readonly rule?: string | undefined;
}

/** A verb and path of an RPC's REST binding, with every wildcard filled. */
export interface RestTarget {
  readonly verb: string;
  readonly path: string;
}

const UUID = '01900000-0000-7000-8000-000000000000';
const STREAM_MS = 1_500;

async function* nothing(): AsyncIterable<object> {}

async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Calls an RPC with an empty request: who is let through meets the validation, so nothing changes. */
export async function callEmpty(method: DescMethod, address: string, token: string | undefined): Promise<Outcome> {
  const headers = (): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` });
  const client = createClient(method.parent, { address, timeoutMs: 10_000, headers });
  const call = (client as unknown as Record<string, (request: object, options?: object) => unknown>)[method.localName]!;
  const options = method.methodKind === 'unary' ? {} : { signal: AbortSignal.timeout(STREAM_MS) };
  const request = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming' ? nothing() : {};
  try {
    const answer = call(request, options);
    await (method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming' ? drained(answer as AsyncIterable<unknown>) : answer);
    return { code: 'ok' };
  } catch (error) {
    if (error instanceof SkeinError) return { code: error.code, rule: error.rule };
    throw error;
  } finally {
    client.close();
  }
}

const filled = (template: string): string => template.replace(/\{[^}=]+=([^}]+)\}/g, '$1').replace(/\{[^}]+\}/g, UUID).replaceAll('*', UUID);

/** The REST bindings of an RPC, at a context where it is the same everywhere. */
export function restTargets(method: DescMethod, context: string): readonly RestTarget[] {
  if (!hasOption(method, httpOption)) return [];
  const rule = getOption(method, httpOption);
  return [rule, ...rule.additionalBindings].flatMap(({ pattern }) => (pattern.case === undefined || pattern.case === 'custom' ? [] : [{ verb: pattern.case.toUpperCase(), path: filled(pattern.value.replace('{context}', context)) }]));
}

/** A stream that is let through does not end by itself: its head tells. */
async function textOf(response: Response): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('application/x-ndjson')) return response.text();
  await response.body?.cancel();
  return '';
}

/** Calls a REST path without a usable body. */
export async function callRest(frontUrl: string, { verb, path }: RestTarget, token: string | undefined, body = '{'): Promise<Outcome & { status: number; text: string }> {
  const response = await fetch(frontUrl + path, {
    method: verb,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(verb === 'GET' ? {} : { 'content-type': 'application/json' }) },
    ...(verb === 'GET' ? {} : { body }),
  });
  const text = await textOf(response);
  const problem = response.ok ? {} : (JSON.parse(text) as { code?: string; rule?: string });
  return { status: response.status, text, code: problem.code ?? 'ok', rule: problem.rule };
}
