import type { RejectionError } from '@skein/kernel';
import type pg from 'pg';
import type { Dispatcher } from './dispatch.js';
import type { ReceivedMessage } from './event-log.js';
import { contentRefusals } from './message-contents.js';
import { repaired, repairsOf } from './repairs.js';

/** A batch before any of it is decoded: its messages, mended where an operator has done so, and what is wrong with some of them. */
export interface Inspection {
  readonly messages: readonly ReceivedMessage[];
  readonly wrong: ReadonlyMap<ReceivedMessage, RejectionError>;
}

/** Looks at what came, by what the group knows and by what it has met before. Only what is refused is looked up among the repairs. */
export async function inspectBatch(pool: pg.Pool, group: string, dispatcher: Dispatcher, received: readonly ReceivedMessage[]): Promise<Inspection> {
  const refusals = new Map(received.flatMap((message) => {
    const refusal = dispatcher.refusal(message);
    return refusal === undefined ? [] : [[message, refusal] as const];
  }));
  const repairs = await repairsOf(pool, group, [...refusals.keys()]);
  const wrong = new Map<ReceivedMessage, RejectionError>();
  const messages = received.map((message) => {
    const repair = repairs.get(message);
    const read = repair === undefined ? message : repaired(message, repair);
    const refusal = repair === undefined ? refusals.get(message) : dispatcher.refusal(read, repair.oversize);
    if (refusal !== undefined) wrong.set(read, refusal);
    return read;
  });
  const met = messages.flatMap((message) => {
    const schema = wrong.has(message) ? undefined : dispatcher.schemaOf(message);
    return schema === undefined ? [] : [{ message, schema }];
  });
  for (const [message, refusal] of await contentRefusals(pool, group, met)) wrong.set(message, refusal);
  return { messages, wrong };
}
