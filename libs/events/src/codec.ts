import { decodePayload, encodePayload, schemaVersionOf, upcast, uuidV8From, type DomainEvent, type Upcasters } from '@skein/kernel';
import type { EventMetadata, RecordedEvent } from './types.js';

/** A row of es_event as the queries select it. */
export interface EventRow {
  stream_id: string;
  version: number;
  position: string | null;
  event_id: string;
  type: string;
  schema_version: number;
  data: unknown;
  metadata: EventMetadata;
  recorded_at_ms: string | number;
}

/** Columns of `EventRow` for a query over `es_event e` joined with `es_position p`. */
export const EVENT_COLUMNS = 'e.stream_id, e.version, p.position, e.event_id, e.type, e.schema_version, e.data, e.metadata, e.recorded_at_ms';

/** The same for a query over `es_history h`. */
export const HISTORY_COLUMNS = 'h.stream_id, h.version, h.position, h.event_id, h.type, h.schema_version, h.data, h.metadata, h.recorded_at_ms';

/** What of a stored event a decider folds. */
export type StoredEvent = Pick<EventRow, 'type' | 'schema_version' | 'data'>;

/** Decodes a stored event's data and lifts it to the newest schema. */
export function toDomainEvent(upcasters: Upcasters, { type, schema_version, data }: StoredEvent): DomainEvent {
  return { type, data: upcast(upcasters, type, schema_version, decodePayload(data)) };
}

/** Decodes a stored event and lifts it to the newest schema. */
export function toRecorded(upcasters: Upcasters, row: EventRow): RecordedEvent {
  return {
    streamId: row.stream_id,
    version: row.version,
    position: BigInt(row.position ?? 0),
    eventId: row.event_id,
    type: row.type,
    schemaVersion: schemaVersionOf(upcasters, row.type),
    data: upcast(upcasters, row.type, row.schema_version, decodePayload(row.data)),
    metadata: row.metadata,
    recordedAtMs: Number(row.recorded_at_ms),
  };
}

/** An event ready to be stored: the text that goes to disk and the event as everybody will read it from there. */
export interface Encoded {
  text: string;
  recorded: RecordedEvent;
}

// One hash for a command's events, numbered in the last four bytes: they lie side by side in the index, which a hash of each
// would scatter over all of it.
function eventIds(streamId: string, commandId: string): (index: number) => string {
  const first = uuidV8From('skein-event', streamId, commandId).slice(0, 28);
  return (index) => first + index.toString(16).padStart(8, '0');
}

/** Encodes new events for an append that nobody folds: `recorded.data` is the event's own. */
export function encodeEvents(
  upcasters: Upcasters, streamId: string, version: number, commandId: string, events: readonly DomainEvent[], metadata: EventMetadata, recordedAtMs: number,
): Encoded[] {
  const idOf = eventIds(streamId, commandId);
  return events.map(({ type, data }, index) => ({
    text: JSON.stringify(encodePayload(data)) ?? 'null',
    recorded: { streamId, version: version + index + 1, position: 0n, eventId: idOf(index), type, schemaVersion: schemaVersionOf(upcasters, type), data, metadata, recordedAtMs },
  }));
}

/** The same with `recorded.data` as decoded from the text again: what this process folds is what a restarted one will. */
export function encodeAndDecode(...args: Parameters<typeof encodeEvents>): Encoded[] {
  return encodeEvents(...args).map(({ text, recorded }) => ({ text, recorded: { ...recorded, data: decodePayload(JSON.parse(text)) } }));
}

/** JSON text of a value with bigint, for a `json` column; null where there is nothing to store. */
export const toJsonText = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(encodePayload(value)));
