import { SpanKind, type Attributes } from '@opentelemetry/api';
import { tracerFor } from '@skein/events';
import { currentTraceparent, inSpan, type SpanStart } from '@skein/telemetry';
import type pg from 'pg';
import type { PartitionBatch, PublicMessage, ReceivedMessage } from './event-log.js';
import { HEADER } from './headers.js';
import type { Publication } from './publication.js';

/** Names by OpenTelemetry's conventions for messaging. Neither keys nor values of messages are told. */
const at = (topic: string, operation: string, type: string): Attributes => ({
  'messaging.system': 'skein', 'messaging.destination.name': topic, 'messaging.operation.name': operation, 'messaging.operation.type': type,
});

/** The span of one message: child of the context stored with its event, linked to the batch it came in and to what its event joins. */
export function processStart(group: string, message: ReceivedMessage, attempt: number): SpanStart {
  const { topic, partition, offset, id, type, headers } = message;
  const attributes = {
    ...at(topic, 'process', 'process'), 'messaging.consumer.group.name': group, 'messaging.destination.partition.id': String(partition),
    'messaging.message.id': id, 'messaging.kafka.offset': Number(offset), 'cloudevents.event_type': type, 'skein.attempt': attempt,
  };
  const parent = headers[HEADER.traceparent];
  // Without a context of its own a message begins a trace: the batch is not what caused it.
  return { kind: SpanKind.CONSUMER, parent, root: parent === undefined, attributes, links: [currentTraceparent(), ...(headers[HEADER.links]?.split(',') ?? [])] };
}

/** A batch of several messages in a span of its own, linked to the contexts of them all. */
export function inReceive(pool: pg.Pool, group: string, batch: PartitionBatch, knows: (message: ReceivedMessage) => boolean, work: () => Promise<void>): Promise<void> {
  const tracer = tracerFor(pool);
  const known = tracer === undefined ? [] : batch.messages.filter(knows);
  if (known.length < 2) return work();
  const attributes = {
    ...at(batch.topic, 'poll', 'receive'), 'messaging.consumer.group.name': group, 'messaging.destination.partition.id': String(batch.partition),
    'messaging.batch.message_count': known.length,
  };
  const links = known.map(({ headers }) => headers[HEADER.traceparent]);
  return inSpan(tracer, `poll ${batch.topic}`, () => ({ kind: SpanKind.CLIENT, root: true, attributes, links }), work);
}

/** What the relay sends at once in a span of its own, linked to the stored contexts, which are what the messages carry. */
export function inSend(pool: pg.Pool | undefined, { topic }: Publication, messages: readonly PublicMessage[], work: () => Promise<void>): Promise<void> {
  if (messages.length === 0) return work();
  const start = (): SpanStart => ({
    kind: SpanKind.PRODUCER, root: true, attributes: { ...at(topic, 'send', 'send'), 'messaging.batch.message_count': messages.length },
    links: messages.map(({ headers }) => headers[HEADER.traceparent]),
  });
  return inSpan(pool === undefined ? undefined : tracerFor(pool), `send ${topic}`, start, work);
}
