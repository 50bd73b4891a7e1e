import { context, ROOT_CONTEXT, SpanStatusCode, trace, type Attributes, type Context, type Link, type Span, type SpanContext, type SpanKind, type Tracer } from '@opentelemetry/api';
import { currentTraceparent, parseTraceparent, withTrace } from './trace.js';

/** What a span begins with. Attributes name things (routes, topics, streams, types, codes), never hold data of theirs. */
export interface SpanStart {
  /** Default: internal. */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Stored or received W3C `traceparent`. A span that runs here in the same trace is nearer and becomes the parent instead. */
  readonly parent?: string | undefined;
  /** Begins a trace of its own, whatever runs here. */
  readonly root?: boolean;
  /** Stored `traceparent`s of what is handled together. */
  readonly links?: readonly (string | undefined)[];
}

/** A span that runs; whoever started it ends it. */
export interface OpenSpan {
  /** To be stored or sent: what follows becomes its child. */
  readonly traceparent: string;
  set(attributes: Attributes): void;
  rename(name: string): void;
  /** Links it to stored `traceparent`s that were not known when it began. */
  link(traceparents: readonly string[]): void;
  /** Ends it. `failure` is a code or an error's class, never its words: those may hold data. Repeated calls do nothing. */
  end(failure?: string): void;
  /** Runs `work` inside: log lines, calls and appends made there belong to it. */
  run<T>(work: () => T): T;
}

/** The span context that a `traceparent` names; undefined where it names none. */
function spanContextOf(traceparent: string | undefined, isRemote: boolean): SpanContext | undefined {
  const ids = parseTraceparent(traceparent);
  return ids && { ...ids, traceFlags: Number.parseInt(traceparent!.slice(-2), 16), isRemote };
}

const linksTo = (traceparents: readonly (string | undefined)[]): Link[] => traceparents.flatMap((one) => spanContextOf(one, true) ?? []).map((context_) => ({ context: context_ }));

/** The parent's context: the running span where it belongs to the named trace or none is named, else the named one. */
function parentOf(named: string | undefined): Context {
  const running = currentTraceparent();
  const known = parseTraceparent(named);
  const near = known === undefined || parseTraceparent(running)?.traceId === known.traceId;
  const parent = near ? spanContextOf(running, false) : spanContextOf(named, true);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

const traceparentOf = ({ traceId, spanId, traceFlags }: SpanContext): string => `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;

class Open implements OpenSpan {
  readonly traceparent: string;
  readonly #span: Span;
  #ended = false;

  constructor(span: Span) {
    this.#span = span;
    this.traceparent = traceparentOf(span.spanContext());
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  link(traceparents: readonly string[]): void {
    this.#span.addLinks(linksTo(traceparents));
  }

  end(failure?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (failure !== undefined) this.#span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }

  run<T>(work: () => T): T {
    return context.with(trace.setSpan(context.active(), this.#span), () => withTrace(this.traceparent, work));
  }
}

/** Starts a span; undefined where nothing is traced (`tracer` is undefined then), which costs nothing. */
export function startSpan(tracer: Tracer | undefined, name: string, start: SpanStart = {}): OpenSpan | undefined {
  if (tracer === undefined) return undefined;
  const { kind, attributes, parent, root = false, links = [] } = start;
  const linked = linksTo(links);
  const options = { ...(kind === undefined ? {} : { kind }), ...(attributes === undefined ? {} : { attributes }), ...(linked.length === 0 ? {} : { links: linked }) };
  return new Open(tracer.startSpan(name, options, root ? ROOT_CONTEXT : parentOf(parent)));
}

/** An error's code where it has one, else its class: what a span may say of a failure. */
export function failureOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  const { rejection, code, name } = error as { rejection?: { code?: unknown }; code?: unknown; name?: unknown };
  const known = [rejection?.code, code, name].find((one) => typeof one === 'string' && one !== '');
  return known === undefined ? 'Error' : (known as string);
}

/** Runs `work` in a span that ends with it, as failed where it throws. `start` is only called where something is traced. */
export async function inSpan<T>(tracer: Tracer | undefined, name: string, start: () => SpanStart, work: (span: OpenSpan | undefined) => Promise<T>): Promise<T> {
  if (tracer === undefined) return work(undefined);
  const span = startSpan(tracer, name, start())!;
  try {
    const value = await span.run(() => work(span));
    span.end();
    return value;
  } catch (error) {
    span.end(failureOf(error));
    throw error;
  }
}
