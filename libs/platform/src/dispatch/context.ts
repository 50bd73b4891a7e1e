import { toJson, type DescMessage, type DescMethod, type Message } from '@bufbuild/protobuf';
import { canonicalJson, RejectionError, SystemIds } from '@skein/kernel';
import type { CallContext } from '../call-context.js';
import { sha256Text } from '../auth/credentials.js';
import { identityName, type Identity } from '../identity.js';

/** What a transport knows of a call before its request is read. */
export interface CallInfo {
  readonly authorization: string | undefined;
  readonly correlationId: string | undefined;
  /** Of the server's span, already: events and calls that follow are its children. */
  readonly traceparent: string;
  readonly deadlineMs: number | undefined;
  /** `Idempotency-Key`: the key of requests that have no `request_id` of their own (foreign protocols). */
  readonly idempotencyKey: string | undefined;
  /** Where the call comes from, without a port. */
  readonly address: string | undefined;
  /** Bytes of the request, as far as they are known before it is read. */
  readonly sizeBytes: number;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
}

const ids = new SystemIds();

/** The caller's correlation id where it is a sane one, else a new one. */
export const correlationOf = (given: string | undefined): string => (given !== undefined && /^[A-Za-z0-9._:-]{8,128}$/.test(given) ? given : ids.uuidV7());

/** A key that a caller may choose freely, within bounds. */
const sane = (key: string | undefined): string | undefined => (key !== undefined && /^[\x21-\x7e]{1,128}$/.test(key) ? key : undefined);

/** Hash of a command: its RPC and request without `request_id`. */
export function hashRequest(method: DescMethod, schema: DescMessage, request: Message): string {
  const json = toJson(schema, request);
  const fields = typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : { json };
  if ('requestId' in fields) delete fields['requestId'];
  return sha256Text(`${method.parent.typeName}/${method.name}\0${canonicalJson(fields)}`);
}

/** Whether a request has a `request_id` of its own. */
export const hasRequestId = (request: Message): request is Message & { requestId: unknown } => 'requestId' in request;

/** `request_id` of a request, where it has one that is set; a request without such a field takes the header's key. */
export function requestIdOf(request: Message, info: Pick<CallInfo, 'idempotencyKey'>): string | undefined {
  if (!hasRequestId(request)) return sane(info.idempotencyKey);
  return typeof request.requestId === 'string' && request.requestId !== '' ? request.requestId : undefined;
}

const tenantOf = (identity: Identity): string | undefined =>
  identity.kind === 'wallet' ? identity.wallet : identity.kind === 'organisation' ? `organisation:${identity.organisation}` : undefined;

/** Parts of a call that `makeContext` puts together. */
export interface ContextParts {
  readonly identity: Identity;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal;
  readonly requestId: string | undefined;
  /** Computed when first asked for: most queries never do. */
  readonly requestHash: () => string;
}

/** The context that a handler sees. */
export function makeContext(parts: ContextParts): CallContext {
  const { identity, correlationId, traceparent, deadlineMs, signal, requestId } = parts;
  const tenant = tenantOf(identity);
  let hash: string | undefined;
  return {
    identity,
    correlationId,
    traceparent,
    signal,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(requestId === undefined ? {} : { requestId }),
    get requestHash() {
      return (hash ??= parts.requestHash());
    },
    metadata: () => ({ correlationId, actor: identityName(identity), traceparent, ...(tenant === undefined ? {} : { tenant }), ...(requestId === undefined ? {} : { idempotencyKey: requestId }) }),
    key(scope, options) {
      if (requestId === undefined) throw new RejectionError({ code: 'invalid-argument', rule: 'required', message: 'request_id is required', field: 'request_id' });
      return { scope: `${scope}/${identityName(identity)}`, key: requestId, requestHash: this.requestHash, ...(options?.forever === true ? { forever: true } : {}) };
    },
  };
}
