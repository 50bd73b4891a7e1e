import { randomUUID } from 'node:crypto';
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

/** Columns of `EventRow` for a query over `es_event e` joined with its range `es_position p`. */
export const EVENT_COLUMNS = 'e.stream_id, e.version, p.position + (e.seq - p.seq) AS position, e.event_id, e.type, e.schema_version, e.data, e.metadata, e.recorded_at_ms';

/** The same for a query over `es_history h`. */
export const HISTORY_COLUMNS = 'h.stream_id, h.version, h.position, h.event_id, h.type, h.schema_version, h.data, h.metadata, h.recorded_at_ms';

/** Hands every column over as the text that came. */
export const RAW_TEXT = { getTypeParser: () => (text: string): string => text };

/** Reads rows of `HISTORY_COLUMNS` as raw text; the driver would parse each event's metadata, which seldom differ from those before. */
export function rawRows(): (columns: readonly string[]) => EventRow {
  let [text, metadata]: [string, EventMetadata | undefined] = ['', undefined];
  return ([stream_id, version, position, event_id, type, schema_version, data, meta, recorded_at_ms]) => {
    if (metadata === undefined || meta !== text) [text, metadata] = [meta ?? '', JSON.parse(meta ?? 'null') as EventMetadata];
    return {
      stream_id: stream_id ?? '', version: Number(version), position: position ?? null, event_id: event_id ?? '', type: type ?? '', schema_version: Number(schema_version),
      data: JSON.parse(data ?? 'null') as unknown, metadata, recorded_at_ms: Number(recorded_at_ms),
    };
  };
}

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
function hashedIds(streamId: string, commandId: string): (index: number) => string {
  const first = uuidV8From('skein-event', streamId, commandId).slice(0, 28);
  return (index) => first + index.toString(16).padStart(8, '0');
}

// Nobody can repeat a command that has no id, so nothing has to be hashed: the time, 58 random bits and the event's number. New
// ones go to the end of the index, however large it is.
function timedIds(): (index: number) => string {
  const time = Date.now().toString(16).padStart(12, '0');
  const first = `${time.slice(0, 8)}-${time.slice(8)}-8${randomUUID().slice(15, 32)}`;
  return (index) => first + index.toString(16).padStart(4, '0');
}

/** Encodes new events for an append that nobody folds: `recorded.data` is the event's own. */
export function encodeEvents(
  upcasters: Upcasters, streamId: string, version: number, commandId: string | undefined, events: readonly DomainEvent[], metadata: EventMetadata, recordedAtMs: number,
): Encoded[] {
  const idOf = commandId === undefined ? timedIds() : hashedIds(streamId, commandId);
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
