import { RejectionError } from '@skein/kernel';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body goes on as it comes, and is never held. */
    streamedBody?: boolean;
  }
}

/** One address may take half of the room: the rest is for others. */
const ADDRESS_SHARE = 0.5;
const RETRY_MS = 1_000;

/** Bytes of bodies that are being received or wait to be read, in all and by address. */
export class BodyBudget {
  readonly #bytesMax: number;
  readonly #byAddress = new Map<string, number>();
  #bytes = 0;
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes room, or refuses as `resource-exhausted` with a time; the returned function gives it back. */
  take(address: string, bytes: number): () => void {
    const own = this.#byAddress.get(address) ?? 0;
    // A single body always fits where nothing else is there.
    const fits = this.#bytes === 0 || (this.#bytes + bytes <= this.#bytesMax && (own === 0 || own + bytes <= this.#bytesMax * ADDRESS_SHARE));
    if (!fits) throw new RejectionError({ code: 'resource-exhausted', rule: 'overloaded', message: 'the service is receiving more than it can take: try again later', retriable: true, retryAfterMs: RETRY_MS });
    this.#add(address, bytes);
    return () => this.#add(address, -bytes);
  }

  #add(address: string, bytes: number): void {
    this.#bytes += bytes;
    const left = (this.#byAddress.get(address) ?? 0) + bytes;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}

/** What a body may grow to: its announced length, within the route's limit. */
function bodyBytes(request: FastifyRequest): number {
  const limit = request.routeOptions.bodyLimit ?? 0;
  const announced = request.headers['content-length'];
  if (announced !== undefined) return Math.min(Number(announced) || 0, limit);
  return request.headers['transfer-encoding'] === undefined ? 0 : limit;
}

/** Bounds the bytes of bodies held at once; what has no room is refused before its body is read. Streamed bodies (artifacts) are not held. */
export function boundBodies(app: FastifyInstance, bytesMax: number): void {
  const budget = new BodyBudget(bytesMax);
  app.addHook('onRequest', (request, reply, done) => {
    const bytes = request.routeOptions.config.streamedBody === true ? 0 : bodyBytes(request);
    if (bytes === 0) return done();
    try {
      const giveBack = budget.take(request.socket.remoteAddress ?? '', bytes);
      reply.raw.once('close', giveBack);
      done();
    } catch (refusal) {
      // The unread body makes the connection useless for another request.
      void reply.header('connection', 'close');
      done(refusal as Error);
    }
  });
}
