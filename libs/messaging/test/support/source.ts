import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { EventStore } from '@skein/events';
import { publicMessage } from '../../src/headers.js';
import type { Publication } from '../../src/publication.js';

/** Domain events of the relay's tests: noted ones are published, secret ones are not. */
export const NOTED = 'skein.test.note.taken.v1';
export const SECRET = 'skein.test.note.hidden.v1';
export const TOPIC = 'test.note.v1';

export const TRACEPARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

export const notePublication: Publication = {
  name: 'notes',
  topic: TOPIC,
  types: [NOTED, SECRET],
  map: (event) => (event.type === NOTED ? publicMessage({ event, topic: TOPIC, schema: StringValueSchema, message: { value: String(event.data) } }) : undefined),
};

/** Appends `count` notes over `streams` streams, each followed by a secret one. */
export async function takeNotes(store: EventStore, count: number, streams: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const metadata = { correlationId: `c-${n}`, causationId: `cause-${n}`, actor: 'operator', traceparent: TRACEPARENT };
    await store.append(`note-${n % streams}`, 'any', [{ type: NOTED, data: `text ${n}` }, { type: SECRET, data: 'CANARY' }], metadata);
  }
}
