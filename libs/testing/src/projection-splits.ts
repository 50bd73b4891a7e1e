import type { Projection, RecordedEvent } from '@skein/events';
import type { DeterministicRandom, DomainEvent } from '@skein/kernel';
import type { Pool } from 'pg';
import { fakeRandom } from './fakes.js';

/** Events of several streams as one log: each stream's in its order, the streams mixed. */
export function mixedLog(streams: Readonly<Record<string, readonly DomainEvent[]>>, random: DeterministicRandom): RecordedEvent[] {
  const left = Object.entries(streams).map(([streamId, events]) => ({ streamId, events, next: 0 })).filter(({ events }) => events.length > 0);
  const log: RecordedEvent[] = [];
  while (left.length > 0) {
    const at = random.intBelow(left.length);
    const stream = left[at]!;
    const { type, data } = stream.events[stream.next++]!;
    const position = log.length + 1;
    const eventId = `00000000-0000-8000-8000-${position.toString(16).padStart(12, '0')}`;
    log.push({ streamId: stream.streamId, version: stream.next, position: BigInt(position), eventId, type, schemaVersion: 1, data, metadata: { correlationId: 'test', actor: 'test' }, recordedAtMs: position });
    if (stream.next === stream.events.length) left.splice(at, 1);
  }
  return log;
}

type Apply = (projection: Projection, tx: Pick<Pool, 'query'>) => Promise<void>;

/** Rows of every table of a projection whose events `apply` applies; nothing of it stays. */
async function rowsAfter(pool: Pool, projection: Projection, apply: Apply): Promise<Record<string, unknown[]>> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN; CREATE SCHEMA any_split; SET LOCAL search_path = any_split; ${projection.tables}`);
    await apply(projection, client);
    const { rows: tables } = await client.query<{ name: string }>(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'any_split'::regnamespace AND relkind = 'r' ORDER BY relname`);
    const found: Record<string, unknown[]> = {};
    for (const { name } of tables) found[name] = (await client.query<{ row: unknown }>(`SELECT to_jsonb(t) AS row FROM "${name}" t ORDER BY to_jsonb(t)::text`)).rows.map(({ row }) => row);
    return found;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

const ofOne = (events: readonly RecordedEvent[]): Apply => async (projection, tx) => {
  for (const event of events) await projection.apply(tx, event);
};

function splitBy(random: DeterministicRandom, events: readonly RecordedEvent[]): RecordedEvent[][] {
  const longest = 1 + random.intBelow(events.length);
  const batches: RecordedEvent[][] = [];
  for (let at = 0; at < events.length; at += batches.at(-1)!.length) batches.push(events.slice(at, at + 1 + random.intBelow(longest)));
  return batches;
}

/** What of a projection differs between its events applied one by one and in batches. */
export interface SplitDifference {
  readonly batches: readonly number[];
  readonly oneByOne: Record<string, unknown[]>;
  readonly inBatches: Record<string, unknown[]>;
}

/**
 * The contract of `applyBatch`: over any split of the events the tables are those of `apply` event by event. Applies the whole
 * log at once and in `splits` drawn splits, and answers those that differ.
 */
export async function differingSplits(pool: Pool, projection: Projection, log: readonly RecordedEvent[], splits = 12, random: DeterministicRandom = fakeRandom(projection.name)): Promise<SplitDifference[]> {
  const events = log.filter(({ type }) => projection.types?.includes(type) ?? true);
  const { applyBatch } = projection;
  if (applyBatch === undefined || events.length === 0) throw new Error(`${projection.name} has no applyBatch, or the log nothing for it`);
  const oneByOne = await rowsAfter(pool, projection, ofOne(events));
  const differences: SplitDifference[] = [];
  for (const batches of [[events], ...Array.from({ length: splits }, () => splitBy(random, events))]) {
    const inBatches = await rowsAfter(pool, projection, async (_, tx) => {
      for (const batch of batches) await applyBatch(tx, batch);
    });
    if (JSON.stringify(inBatches) !== JSON.stringify(oneByOne)) differences.push({ batches: batches.map(({ length }) => length), oneByOne, inBatches });
  }
  return differences;
}
