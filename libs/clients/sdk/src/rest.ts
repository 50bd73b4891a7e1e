import { createHash } from 'node:crypto';
import { fromProblem } from './errors.js';

/** Where the front port is and who calls. */
export interface RestOptions {
  readonly baseUrl: string;
  readonly headers?: () => Record<string, string>;
}

/** Calls `path` with JSON and returns the decoded answer; a problem document is thrown as `SkeinError`. */
export async function restCall<T>(rest: RestOptions, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(new URL(path, rest.baseUrl), {
    method,
    headers: { ...rest.headers?.(), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await answer(response)).json() as Promise<T>;
}

async function answer(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  let problem: Record<string, unknown> = { detail: text };
  try {
    problem = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // not a problem document: the text itself is the detail
  }
  throw fromProblem(response.status, problem, response.headers.get('retry-after'));
}

/** Uploads bytes under their SHA-256 to a context's artifact store and returns the hash (64 hex digits). */
export async function uploadArtifact(rest: RestOptions, context: string, bytes: Uint8Array): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const response = await fetch(new URL(`/${context}/v1/artifacts/${sha256}`, rest.baseUrl), {
    method: 'PUT',
    headers: { ...rest.headers?.(), 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
  });
  await answer(response);
  return sha256;
}

/** Downloads an artifact that the caller may read, and checks its hash. */
export async function downloadArtifact(rest: RestOptions, context: string, sha256: string): Promise<Uint8Array> {
  const response = await answer(await fetch(new URL(`/${context}/v1/artifacts/${sha256}`, rest.baseUrl), { headers: rest.headers?.() ?? {} }));
  const bytes = new Uint8Array(await response.arrayBuffer());
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== sha256) throw new Error(`artifact ${sha256} arrived with the hash ${actual}`);
  return bytes;
}
