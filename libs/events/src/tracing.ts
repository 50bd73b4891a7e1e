import type { Tracer } from '@opentelemetry/api';
import type { DomainEvent, Rejection, Result } from '@skein/kernel';
import { currentTraceparent, inSpan, withTrace } from '@skein/telemetry';
import type { Pool } from 'pg';
import type { CommandOutcome, EventMetadata, Execute, Executed } from './types.js';

// By pool, as the instruments: inbox, jobs, timers and consumers know no store.
const tracers = new WeakMap<Pool, Tracer>();

/** From now on what happens over this pool makes spans of this tracer. */
export function tracePool(pool: Pool, tracer: Tracer): void {
  tracers.set(pool, tracer);
}

/** The tracer of a store over this pool (`EventStoreOptions.tracer`); undefined where nothing is traced. */
export const tracerFor = (pool: Pool): Tracer | undefined => tracers.get(pool);

/** What names a stream's kind: `epoch-…` → `epoch`. */
const nounOf = (streamId: string): string => /^[a-z_]+(?:-[a-z_]+)*(?=-|$)/.exec(streamId)?.[0] ?? 'stream';

/** Metadata with the trace of the running work, where it names none itself. */
function inTrace(metadata: EventMetadata): EventMetadata {
  const running = metadata.traceparent === undefined ? currentTraceparent() : undefined;
  return running === undefined ? metadata : { ...metadata, traceparent: running };
}

/** An append in a span of its own, whose context is what is stored with the events: everything that follows is its child. */
export async function tracedAppend<T extends { version: number }>(
  pool: Pool, streamId: string, events: readonly DomainEvent[], metadata: EventMetadata, work: (metadata: EventMetadata) => Promise<T>,
): Promise<T> {
  const tracer = tracers.get(pool);
  if (tracer === undefined) return work(inTrace(metadata));
  const attributes = { 'skein.stream.id': streamId, 'skein.event.types': events.map(({ type }) => type) };
  return inSpan(tracer, `append ${nounOf(streamId)}`, () => ({ parent: metadata.traceparent, attributes }), async (span) => {
    const done = await work({ ...metadata, traceparent: span!.traceparent });
    span!.set({ 'skein.stream.version': done.version });
    return done;
  });
}

/** A command in a span: waiting for its stream, load, decision and append. A refusal is an outcome, not a failure. */
export async function tracedCommand<S, C, E extends DomainEvent, A>(
  pool: Pool, request: Execute<S, C, E, A>, work: (request: Execute<S, C, E, A>) => Promise<Result<Executed<A>, Rejection>>,
): Promise<Result<Executed<A>, Rejection>> {
  const { streamId, metadata } = request;
  const tracer = tracers.get(pool);
  if (tracer === undefined) return work(metadata.traceparent === undefined ? { ...request, metadata: inTrace(metadata) } : request);
  return inSpan(tracer, `execute ${nounOf(streamId)}`, () => ({ parent: metadata.traceparent, attributes: { 'skein.stream.id': streamId } }), async (span) => {
    const outcome = await work({ ...request, metadata: { ...metadata, traceparent: span!.traceparent } });
    if (!outcome.ok) span!.set({ 'skein.command.outcome': outcome.error.code, 'skein.command.rule': outcome.error.rule });
    else {
      const { version, events, duplicate } = outcome.value;
      span!.set({ 'skein.command.outcome': duplicate ? 'duplicate' : 'ok', 'skein.stream.version': version, 'skein.event.types': events.map(({ type }) => type) });
      const links = events[0]?.metadata.links;
      if (links !== undefined) span!.link(links);
    }
    return outcome;
  });
}

/** Tells how a command ended, inside its trace. */
export function tellOutcome(tell: (outcome: CommandOutcome) => void, { streamId, metadata }: Pick<Execute<never, never, never>, 'streamId' | 'metadata'>, outcome: Result<Executed<unknown>, Rejection>): void {
  const { correlationId, causationId, traceparent } = metadata;
  const how = outcome.ok
    ? { outcome: outcome.value.duplicate ? 'duplicate' : 'ok', version: outcome.value.version, types: outcome.value.events.map(({ type }) => type) }
    : { outcome: outcome.error.code, rule: outcome.error.rule };
  withTrace(traceparent, () => tell({ streamId, ...how, correlationId, ...(causationId === undefined ? {} : { causationId }) }));
}

/** Where the trace context stands in the stored payload of a job or timer; never seen by its handler. */
const TRACE = '$traceparent';

/** A payload as it is stored: with the context of the append that asked for the work. Payloads that are no objects carry none. */
export const withStoredTrace = (payload: unknown, traceparent: string | undefined): unknown =>
  traceparent === undefined || typeof payload !== 'object' || payload === null || Array.isArray(payload) ? payload : { ...payload, [TRACE]: traceparent };

/** A stored payload taken apart. */
export function storedTraceOf(stored: unknown): { payload: unknown; traceparent?: string } {
  if (typeof stored !== 'object' || stored === null || !(TRACE in stored)) return { payload: stored };
  const { [TRACE]: traceparent, ...payload } = stored as Record<string, unknown>;
  return { payload, ...(typeof traceparent === 'string' ? { traceparent } : {}) };
}

/** Work that was asked for earlier goes on in the trace that asked for it; in a span where something is traced. */
export const inStoredTrace = <T>(pool: Pool, name: string, traceparent: string | undefined, attributes: Record<string, string | number>, work: () => Promise<T>): Promise<T> => {
  const tracer = tracers.get(pool);
  return tracer === undefined ? withTrace(traceparent, work) : inSpan(tracer, name, () => ({ parent: traceparent, attributes }), work);
};
