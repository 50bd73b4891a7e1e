import type { EventHeader } from '@skein/contracts/operations';
import { SERVICES } from './services.js';

/** An event with the service whose log holds it. */
export interface TracedEvent extends Omit<EventHeader, '$typeName' | '$unknown'> {
  readonly service: string;
}

/** What followed from one thing: its events in order of time, and who acted on whose. */
export interface CausalTrace {
  readonly events: readonly TracedEvent[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  /** There are more events than anybody could read: those found last were not followed. */
  readonly cut: boolean;
}

/** What a service is asked for. */
export interface EventQuestion {
  readonly subject?: string;
  readonly causationIds?: string[];
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Asks a service's `ListEvents` for one page. */
export type AskEvents = (service: string, question: EventQuestion) => Promise<{ readonly events: readonly EventHeader[]; readonly nextPageToken: string }>;

const PAGE = 1_000;
/** More would be no story any more, but most of a log. */
export const EVENTS_MAX = 20_000;
const CAUSES_AT_ONCE = 200;

const inBatches = (ids: readonly string[]): string[][] => Array.from({ length: Math.ceil(ids.length / CAUSES_AT_ONCE) }, (_, at) => ids.slice(at * CAUSES_AT_ONCE, (at + 1) * CAUSES_AT_ONCE));

/**
 * Follows a subject through all services: the events at `homes` that name it, then whatever followed from those, until nothing
 * new turns up. An edge is an event whose cause lies in another service's log.
 */
export async function traceOf(ask: AskEvents, homes: readonly string[], subject: string, eventsMax = EVENTS_MAX): Promise<CausalTrace> {
  const found = new Map<string, TracedEvent>();
  let cut = false;
  const fetch = async (service: string, filter: { subject?: string; causationIds?: string[] }): Promise<TracedEvent[]> => {
    const events: TracedEvent[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
      const page = await ask(service, { ...filter, pageSize: PAGE, pageToken });
      events.push(...page.events.filter(({ eventId }) => !found.has(eventId)).map((event) => ({ ...event, service })));
      cut ||= events.length + found.size > eventsMax;
      pageToken = page.nextPageToken === '' || cut ? undefined : page.nextPageToken;
    }
    return events;
  };
  let fresh = (await Promise.all(homes.map((home) => fetch(home, { subject })))).flat();
  while (fresh.length > 0) {
    for (const event of fresh) found.set(event.eventId, event);
    if (cut) break;
    const batches = inBatches(fresh.map(({ eventId }) => eventId));
    fresh = (await Promise.all(SERVICES.flatMap((service) => batches.map((causationIds) => fetch(service, { causationIds }))))).flat();
  }
  const events = [...found.values()].sort((a, b) => Number(a.recordedAtMs - b.recordedAtMs) || a.service.localeCompare(b.service) || Number(a.position - b.position));
  const edges = new Map(events.flatMap(({ service, causationId }) => {
    const cause = found.get(causationId);
    return cause === undefined || cause.service === service ? [] : [[`${cause.service}→${service}`, [cause.service, service] as const] as const];
  }));
  return { events, edges: [...edges.values()], cut };
}

/** Trace ids that the events were stored with, in their order: what to look for where spans are exported. */
export const traceIdsOf = ({ events }: CausalTrace): string[] => [...new Set(events.map(({ traceparent }) => traceparent.split('-')[1] ?? '').filter((id) => id !== ''))];

/** A line of the tree: an event under the one that it followed from. */
export interface TraceLine {
  readonly event: TracedEvent;
  /** `├─ ` and the like; empty for what has no cause among the events. */
  readonly branch: string;
}

/** The events as a tree by cause, in order of time. */
export function traceTree({ events }: CausalTrace): TraceLine[] {
  const known = new Set(events.map(({ eventId }) => eventId));
  const children = Map.groupBy(events, ({ causationId, eventId }) => (known.has(causationId) && causationId !== eventId ? causationId : ''));
  const lines: TraceLine[] = [];
  const told = new Set<string>();
  // A stack of its own: a chain of causes may be longer than calls may be deep.
  const waiting = (children.get('') ?? []).toReversed().map((event) => ({ event, branch: '', indent: '' }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { event, branch, indent } = next;
    if (told.has(event.eventId)) continue;
    told.add(event.eventId);
    lines.push({ event, branch });
    const followers = children.get(event.eventId) ?? [];
    for (const [at, follower] of [...followers.entries()].toReversed()) {
      const last = at === followers.length - 1;
      waiting.push({ event: follower, branch: `${indent}${last ? '└─ ' : '├─ '}`, indent: `${indent}${last ? '   ' : '│  '}` });
    }
  }
  return lines;
}
