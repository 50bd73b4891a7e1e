import type { ArtifactStore } from '@skein/artifacts';
import { RejectionError, unwrap } from '@skein/kernel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from '../admission/admission.js';
import type { Authenticator } from '../auth/authenticator.js';
import { InvalidRequestError } from '../errors/invalid-request.js';
import { sendProblem } from '../rest/rest-server.js';
import { principalOf } from './principal.js';

/** What the artifact routes need. */
export interface ArtifactRoutesOptions {
  readonly context: string;
  readonly store: ArtifactStore;
  readonly authenticator: Authenticator;
  readonly admission: Admission;
  readonly sizeBytesMax: number;
}

const NEVER = new AbortController().signal;
const DEFAULT_TYPE = 'application/octet-stream';

function nameOf(request: FastifyRequest): string {
  const { sha256 } = request.params as { sha256: string };
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new InvalidRequestError([{ field: 'sha256', rule: 'format', message: 'sha256 must be 64 lower-case hex digits' }]);
  return sha256;
}

/** `PUT` and `GET /<context>/v1/artifacts/{sha256}` with streaming bodies, in a scope of their own: any media type, no JSON limit. */
export function addArtifactRoutes(app: FastifyInstance, options: ArtifactRoutesOptions): void {
  const url = `/${options.context}/v1/artifacts/:sha256`;
  void app.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload));
    scope.put(url, { bodyLimit: options.sizeBytesMax, config: { streamedBody: true } }, (request, reply) => guarded(reply, () => upload(request, reply, options)));
    scope.get(url, (request, reply) => guarded(reply, () => download(request, reply, options)));
    done();
  });
}

async function guarded(reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
  try {
    return await work();
  } catch (thrown) {
    // A refused body is not read to its end, so the connection cannot serve another request.
    if (!reply.request.raw.complete) void reply.header('connection', 'close');
    return sendProblem(reply, thrown);
  }
}

/** Who transfers, with a place among the streams until the answer is sent or the connection is gone. */
async function principalAdmitted(request: FastifyRequest, reply: FastifyReply, { authenticator, admission }: ArtifactRoutesOptions): Promise<string> {
  const address = request.socket.remoteAddress;
  const identity = await authenticator.authenticate(request.headers.authorization, 'public', { address });
  const principal = principalOf(identity);
  const leave = await admission.stream({ identity, address, sizeBytes: 0, signal: NEVER });
  if (reply.raw.closed) leave();
  else reply.raw.once('close', leave);
  return principal;
}

async function upload(request: FastifyRequest, reply: FastifyReply, options: ArtifactRoutesOptions): Promise<FastifyReply> {
  const { store, sizeBytesMax } = options;
  const owner = await principalAdmitted(request, reply, options);
  const sha256 = nameOf(request);
  if (Number(request.headers['content-length'] ?? 0) > sizeBytesMax) throw new RejectionError({ code: 'resource-exhausted', rule: 'body-limit', message: `an artifact has at most ${sizeBytesMax} bytes` });
  const bytes = (request.body ?? []) as AsyncIterable<Uint8Array>;
  const info = unwrap(await store.put({ owner, bytes, sha256, mediaType: request.headers['content-type'] ?? DEFAULT_TYPE, sizeBytesMax }));
  return reply.code(200).send({ sha256: info.sha256, sizeBytes: String(info.sizeBytes), mediaType: info.mediaType });
}

async function download(request: FastifyRequest, reply: FastifyReply, options: ArtifactRoutesOptions): Promise<FastifyReply> {
  const reader = await principalAdmitted(request, reply, options);
  const opened = unwrap(await options.store.open(nameOf(request), reader));
  // The stored media type is what an uploader said: never let a browser act on it.
  void reply.headers({ 'content-type': opened.mediaType, 'content-length': opened.sizeBytes, 'x-content-type-options': 'nosniff', 'content-disposition': 'attachment' });
  return reply.send(opened.stream());
}
