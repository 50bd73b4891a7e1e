import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { RecordedEvent } from '@skein/events';
import type { PublicMessage } from './event-log.js';
import { dataSchemaOf } from './schema-fingerprint.js';

/** Header names: CloudEvents 1.0 in binary mode (Kafka binding), our extensions, W3C trace context. */
export const HEADER = {
  specVersion: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  subject: 'ce_subject',
  time: 'ce_time',
  contentType: 'content-type',
  dataSchema: 'ce_dataschema',
  streamVersion: 'ce_streamversion',
  position: 'ce_position',
  correlationId: 'ce_correlationid',
  causationId: 'ce_causationid',
  traceparent: 'traceparent',
  links: 'ce_tracelinks',
} as const;

/** What `publicMessage` needs. */
export interface PublicMessageOf<Desc extends DescMessage> {
  readonly event: RecordedEvent;
  readonly topic: string;
  readonly schema: Desc;
  readonly message: MessageInitShape<Desc>;
  /** Public event type; the domain event's own when absent. */
  readonly type?: string;
  /** The stream id when absent. */
  readonly key?: string;
}

/** Source of a topic's events, unique per topic: `arena.task.v1` → `/skein/arena/task/v1`. With the id it names the event. */
export const sourceOf = (topic: string): string => `/skein/${topic.replaceAll('.', '/')}`;

/** CloudEvents headers of an event that leaves its service; the trace context is the one stored with the event, and so are the contexts that it links. */
export function cloudEventHeaders(event: RecordedEvent, topic: string, type: string): Record<string, string> {
  const { correlationId, causationId, traceparent, links } = event.metadata;
  return {
    [HEADER.specVersion]: '1.0',
    [HEADER.id]: event.eventId,
    [HEADER.type]: type,
    [HEADER.source]: sourceOf(topic),
    [HEADER.subject]: event.streamId,
    [HEADER.time]: new Date(event.recordedAtMs).toISOString(),
    [HEADER.contentType]: 'application/protobuf',
    [HEADER.streamVersion]: String(event.version),
    [HEADER.position]: event.position.toString(),
    [HEADER.correlationId]: correlationId,
    ...(causationId === undefined ? {} : { [HEADER.causationId]: causationId }),
    ...(traceparent === undefined ? {} : { [HEADER.traceparent]: traceparent }),
    ...(links === undefined ? {} : { [HEADER.links]: links.join(',') }),
  };
}

/** The public form of a domain event: protobuf value, key = stream id, id = event id, all headers. */
export function publicMessage<Desc extends DescMessage>(of: PublicMessageOf<Desc>): PublicMessage {
  const { event, topic, schema } = of;
  const type = of.type ?? event.type;
  return {
    topic,
    key: of.key ?? event.streamId,
    id: event.eventId,
    type,
    timeMs: event.recordedAtMs,
    value: toBinary(schema, create(schema, of.message)),
    headers: { ...cloudEventHeaders(event, topic, type), [HEADER.dataSchema]: dataSchemaOf(schema) },
  };
}
