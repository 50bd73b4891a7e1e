import { fromBinary, type DescMessage } from '@bufbuild/protobuf';
import type { Tracer } from '@opentelemetry/api';
import type { RejectionError } from '@skein/kernel';
import { inSpan, withTrace } from '@skein/telemetry';
import type { Delivery, MessageHandler } from './consumer.types.js';
import type { ReceivedMessage } from './event-log.js';
import { refusalOf } from './failure.js';
import { inspect, type EventTypes } from './inspect.js';
import { HEADER } from './headers.js';
import { processStart } from './tracing.js';

/** Finds and calls the handler of a message; knows nothing of retries. */
export class Dispatcher {
  readonly topics: readonly string[];
  readonly #group: string;
  readonly #tracer: Tracer | undefined;
  readonly #eventTypes: EventTypes | undefined;
  readonly #handled: ReadonlySet<string>;
  readonly #handlers = new Map<string, MessageHandler>();

  constructor(group: string, handlers: readonly MessageHandler[], tracer?: Tracer, eventTypes?: EventTypes) {
    this.#group = group;
    this.#eventTypes = eventTypes;
    this.#handled = new Set(handlers.map(({ topic, type }) => `${topic} ${type}`));
    this.#tracer = tracer;
    this.topics = [...new Set(handlers.map((handler) => handler.topic))];
    for (const handler of handlers) {
      const name = `${handler.topic} ${handler.type}`;
      if (this.#handlers.has(name)) throw new Error(`group ${group} has two handlers for ${name}`);
      this.#handlers.set(name, handler);
    }
  }

  /** False for a type that this group does not know and therefore ignores. */
  knows(message: ReceivedMessage): boolean {
    return this.#handlers.has(`${message.topic} ${message.type}`);
  }

  /** By which schema this group reads a message; undefined for a type that it ignores. */
  schemaOf(message: ReceivedMessage): DescMessage | undefined {
    return this.#handlers.get(`${message.topic} ${message.type}`)?.schema;
  }

  /** What is wrong with a message, whether or not this group would handle it; `oversize`: an operator lets it be larger than the limit. */
  refusal(message: ReceivedMessage, oversize = false): RejectionError | undefined {
    return inspect(message, this.#eventTypes, this.#handled, oversize);
  }

  /** Decodes and handles under the message's trace; throws what the handler throws, and a returned refusal. */
  async call(message: ReceivedMessage, attempt: number, signal: AbortSignal): Promise<void> {
    const handler = this.#handlers.get(`${message.topic} ${message.type}`);
    if (handler === undefined) return;
    // A span's own context is what the handler's effects are stored with; without one it is the message's.
    await inSpan(this.#tracer, `process ${message.topic}`, () => processStart(this.#group, message, attempt), async (span) => {
      const delivery = deliveryOf(this.#group, message, attempt, signal, span?.traceparent ?? message.headers[HEADER.traceparent]);
      const decoded = fromBinary(handler.schema, message.value);
      const refusal = refusalOf(await withTrace(delivery.traceparent, () => handler.handle(decoded, delivery)));
      if (refusal !== undefined) throw refusal;
    });
  }
}

function deliveryOf(group: string, message: ReceivedMessage, attempt: number, signal: AbortSignal, traceparent: string | undefined): Delivery {
  const { headers } = message;
  const trace = traceparent === undefined ? {} : { traceparent };
  const correlationId = headers[HEADER.correlationId] ?? message.id;
  return {
    message, attempt, signal, correlationId, ...trace,
    inbox: { consumer: group, messageId: `${message.topic}/${message.id}` },
    streamId: headers[HEADER.subject] ?? message.key,
    streamVersion: Number(headers[HEADER.streamVersion] ?? 0),
    causationId: message.id,
    metadata: (actor) => ({ correlationId, causationId: message.id, actor, ...trace }),
  };
}
