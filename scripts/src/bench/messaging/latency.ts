import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { EmbeddedPostgres } from '@skein/embedded';
import { EventStore, eventsMigrations, migrate } from '@skein/events';
import { eventLogFromUrl, messagingMigrations, publicMessage, Relay, type EventLog, type Publication, type PublicMessage } from '@skein/messaging';
import { poolOf } from '../event-store/server.js';
import { percentile, spreadOf, type Spread } from '../stats.js';
import { HOPS, topicOf, TYPE, wallMs, type CpuUse, type Passage } from './hops.js';

/** Between two events: long enough that the system is idle in between, and no multiple of any poll. */
const PAUSE_MS = 61;

/** Milliseconds from the call of append to the row in the other service. */
export interface LatencyFigures {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the rounds. */
  readonly p50ByRound: Spread;
  readonly p99ByRound: Spread;
  readonly hops: Record<string, { readonly p50: number; readonly p99: number; readonly share: number }>;
}

const publicationTo = (topic: string): Publication => ({
  name: 'bench-notes',
  topic,
  types: [TYPE],
  map: (event) => publicMessage({ event, topic, schema: StringValueSchema, message: { value: String(event.data) } }),
});

/** The log as the relay sees it, noting when each event leaves. */
function watched(log: EventLog, passages: ReadonlyMap<string, Partial<Passage>>, idOf: (message: PublicMessage) => string): EventLog {
  const note = (ids: readonly string[], what: 'sendingMs' | 'sentMs'): void => {
    const nowMs = wallMs();
    for (const id of ids) Object.assign(passages.get(id) ?? {}, { [what]: nowMs });
  };
  return {
    send: async (messages) => {
      const ids = messages.map(idOf);
      note(ids, 'sendingMs');
      await log.send(messages);
      note(ids, 'sentMs');
    },
    consume: (options) => log.consume(options),
    lag: (group) => log.lag(group),
    createTopics: (specs) => log.createTopics(specs),
    close: () => log.close(),
  };
}

async function databaseOf(postgres: EmbeddedPostgres, name: string, more: string, migrations: readonly URL[]): Promise<string> {
  const { ownerUrl, appUrl } = await postgres.createDatabase(name);
  const owner = poolOf(ownerUrl, 1);
  await migrate(owner, [...migrations]);
  if (more !== '') await owner.query(`${more}; GRANT SELECT, INSERT ON read_model TO "${name}_app"`);
  await owner.end();
  return appUrl;
}

async function readerOf(logUrl: string, databaseUrl: string, topic: string): Promise<ChildProcess> {
  const reader = fork(new URL('./reader-main.js', import.meta.url), [logUrl, databaseUrl, topic]);
  const failed = once(reader, 'exit').then(([code]) => {
    throw new Error(`the reader ended with ${String(code)}`);
  });
  await Promise.race([once(reader, 'message'), failed]);
  failed.catch(() => undefined);
  return reader;
}

/** One writer with store and relay here, one reader with its consumer in a process of its own, and the event log between them. */
export interface Line {
  /** Sends one event through, and resolves when it is visible. */
  pass(id: string): Promise<Passage>;
  /** CPU time of the reader so far. */
  cpuMs(): Promise<number>;
  close(): Promise<void>;
}

/** Opens the line of one adapter, with databases and a topic of its own. */
export async function openLine(postgres: EmbeddedPostgres, adapter: string, logUrl: string): Promise<Line> {
  const topic = topicOf(adapter);
  const writerUrl = await databaseOf(postgres, `writer_${adapter}`, '', [eventsMigrations]);
  const readerUrl = await databaseOf(postgres, `reader_${adapter}`, 'CREATE TABLE read_model (id text PRIMARY KEY)', [eventsMigrations, messagingMigrations]);
  const passages = new Map<string, Partial<Passage>>();
  const log = eventLogFromUrl({ url: logUrl, clientId: 'skein-bench-writer' });
  await log.createTopics([{ topic, partitions: 6, retention: 'infinite' }]);
  const reader = await readerOf(logUrl, readerUrl, topic);
  const pool = poolOf(writerUrl, 4);
  const store = new EventStore({ pool });
  const relay = new Relay({ store, log: watched(log, passages, ({ value }) => Buffer.from(value.subarray(2)).toString()), publications: [publicationTo(topic)] });
  await relay.start();
  return {
    pass: (id) => pass(store, reader, passages, id),
    cpuMs: async () => {
      const told = once(reader, 'message');
      reader.send('cpu');
      const [{ cpuMs }] = (await told) as [CpuUse];
      return cpuMs;
    },
    close: async () => {
      await relay.stop();
      const ended = once(reader, 'exit');
      reader.disconnect();
      await ended;
      await store.close();
      await Promise.all([log.close(), pool.end()]);
    },
  };
}

async function pass(store: EventStore, reader: ChildProcess, passages: Map<string, Partial<Passage>>, id: string): Promise<Passage> {
  const passage: Partial<Passage> = {};
  passages.set(id, passage);
  const visible = once(reader, 'message');
  passage.appendedFromMs = wallMs();
  await store.append(`note-${passages.size % 10}`, 'any', [{ type: TYPE, data: id }], { correlationId: id, actor: 'bench' });
  passage.appendedMs = wallMs();
  const [{ receivedMs, visibleMs }] = (await visible) as [Pick<Passage, 'receivedMs' | 'visibleMs'>];
  Object.assign(passage, { receivedMs, visibleMs });
  await sleep(PAUSE_MS);
  return passage as Passage;
}

/** Milliseconds from the call of append to the row in the other service. */
export const wholeMs = ({ appendedFromMs, visibleMs }: Passage): number => visibleMs - appendedFromMs;

/** How long the events took, as a whole and by hop, over all rounds; and how much the rounds differ. */
export function figuresOf(rounds: readonly (readonly Passage[])[]): LatencyFigures {
  const passages = rounds.flat();
  const byRound = (share: number): Spread => spreadOf(rounds.map((round) => percentile(round.map(wholeMs), share)));
  const rounded = (value: number): number => Number(value.toFixed(2));
  const whole = passages.map(wholeMs);
  const sum = whole.reduce((total, value) => total + value, 0);
  const hops = Object.entries(HOPS).map(([name, hop]) => {
    const values = passages.map(hop);
    return [name, { p50: rounded(percentile(values, 0.5)), p99: rounded(percentile(values, 0.99)), share: rounded(values.reduce((total, value) => total + value, 0) / sum) }] as const;
  });
  return { events: passages.length, p50: rounded(percentile(whole, 0.5)), p99: rounded(percentile(whole, 0.99)), p50ByRound: byRound(0.5), p99ByRound: byRound(0.99), hops: Object.fromEntries(hops) };
}
