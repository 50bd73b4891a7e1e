import { movements, sumOf, type Contender, type Totals } from './contender.js';

const EVENTS_PER_STREAM = 50;

/** Runs `work(slot)` in as many slots at once; returns seconds. */
async function timed(slots: number, work: (slot: number) => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: slots }, (_, slot) => work(slot)));
  return (performance.now() - startedMs) / 1_000;
}

/**
 * Appends of `size` events, `inFlight` of them at once, each slot on streams of its own so that nobody meets a conflict; a
 * new stream every 50 appends. Answers appends per second, the last event's being readable included.
 */
export async function appendsPerSecond(contender: Contender, label: string, inFlight: number, appends: number, size: number): Promise<number> {
  const perSlot = Math.ceil(appends / inFlight);
  const seconds = await timed(1, async () => {
    await timed(inFlight, async (slot) => {
      for (let index = 0; index < perSlot; index += 1) {
        const stream = `account-${label}-${slot}-${Math.floor(index / EVENTS_PER_STREAM)}`;
        const version = (index % EVENTS_PER_STREAM) * size;
        await contender.append(stream, version, movements(stream, version, size));
      }
    });
    await contender.settle();
  });
  return (perSlot * inFlight) / seconds;
}

const STREAM_LENGTH = 300;
const COMMAND_STREAMS = 4;

/** Streams of 300 events for the command case, each loaded once before anything is measured. */
export async function commandStreams(contender: Contender, label: string): Promise<string[]> {
  const streams = Array.from({ length: COMMAND_STREAMS }, (_, index) => `account-${label}-command-${index}`);
  for (const stream of streams) {
    for (let version = 0; version < STREAM_LENGTH; version += 100) await contender.append(stream, version, movements(stream, version, 100));
    await contender.command?.(stream);
  }
  await contender.settle();
  return streams;
}

/** Commands one after the other, the streams in turn. Each checks the number of events it has decided on. Answers commands per second. */
export async function commandsPerSecond(contender: Contender, streams: readonly string[], commands: number, before: number): Promise<number> {
  const turns = Math.ceil(commands / streams.length);
  const seconds = await timed(1, async () => {
    for (let turn = 0; turn < turns; turn += 1)
      for (const stream of streams) {
        const seen = await contender.command?.(stream);
        if (seen !== before + turn) throw new Error(`${contender.name} decided on ${seen} events of ${stream}, not on ${before + turn}`);
      }
  });
  return (turns * streams.length) / seconds;
}

/** Events that every stream of the command case has when `commandStreams` returns. */
export const COMMAND_STREAM_EVENTS = STREAM_LENGTH + 1;

/**
 * Fills a store for the rebuild: `events` over streams of 100. One append after the other for Emmett: its consumer pages by
 * position over rows that it reads in the order of transaction ids, and after concurrent appends its rebuild leaves events
 * out (955 of 2 000 here). `from`: as many are there already.
 */
export async function fill(contender: Contender, events: number, inFlight: number, from = 0): Promise<void> {
  const streams = events / 100;
  let next = from / 100;
  await timed(inFlight, async () => {
    while (next < streams) {
      const stream = `account-${next++}`;
      await contender.append(stream, 0, movements(stream, 0, 100));
    }
  });
  await contender.settle();
}

/** What a rebuild over `fill(events)` has to come to. */
export const expectedTotals = (events: number): Totals => ({ accounts: events / 100, movements: events, units: (events / 100) * sumOf(100) });

/** Rebuilds the balances of all `events` and checks them. Answers events per second. */
export async function rebuildPerSecond(contender: Contender, events: number): Promise<number> {
  let totals: Totals | undefined;
  const seconds = await timed(1, async () => void (totals = await contender.rebuild?.()));
  const expected = expectedTotals(events);
  if (JSON.stringify(totals) !== JSON.stringify(expected)) throw new Error(`${contender.name} rebuilt ${JSON.stringify(totals)}, not ${JSON.stringify(expected)}`);
  return events / seconds;
}
