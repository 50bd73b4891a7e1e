import { OperationsService, type EventHeader } from '@skein/contracts/operations';
import type { Actor } from './actor.js';

/** An event with the service whose log holds it. */
export interface TracedEvent extends Omit<EventHeader, '$typeName'> {
  readonly service: string;
}

/** What followed from one thing: its events in order of time, and who acted on whose. */
export interface CausalTrace {
  readonly events: readonly TracedEvent[];
  readonly edges: readonly (readonly [from: string, to: string])[];
}

/** REST context of each service, by the name of its gRPC port. */
export const CONTEXT_OF: Readonly<Record<string, string>> = { arena: 'arena', validation: 'validation', 'fl-aggregator': 'federation', 'staking-indexer': 'staking', marketplace: 'marketplace', billing: 'billing' };

const PAGE = 1_000;
const CAUSES_AT_ONCE = 200;

/**
 * Follows a subject through all services: the events that name it, then whatever followed from those, until nothing new
 * turns up. An edge is an event whose cause lies in another service's log.
 */
export async function traceOf(operator: Actor, home: string, subject: string): Promise<CausalTrace> {
  const found = new Map<string, TracedEvent>();
  const services = Object.keys(CONTEXT_OF);
  const ask = async (service: string, filter: { subject?: string; causationIds?: string[] }): Promise<TracedEvent[]> => {
    const { events } = await operator.client(OperationsService, service).listEvents({ context: CONTEXT_OF[service] as string, pageSize: PAGE, ...filter });
    return events.filter(({ eventId }) => !found.has(eventId)).map((event) => ({ ...event, service }));
  };
  let fresh = await ask(home, { subject });
  while (fresh.length > 0) {
    for (const event of fresh) found.set(event.eventId, event);
    const ids = fresh.map(({ eventId }) => eventId);
    const batches = Array.from({ length: Math.ceil(ids.length / CAUSES_AT_ONCE) }, (_, index) => ids.slice(index * CAUSES_AT_ONCE, (index + 1) * CAUSES_AT_ONCE));
    fresh = (await Promise.all(services.flatMap((service) => batches.map((causationIds) => ask(service, { causationIds }))))).flat();
  }
  const events = [...found.values()].sort((a, b) => Number(a.recordedAtMs - b.recordedAtMs) || a.service.localeCompare(b.service) || Number(a.position - b.position));
  const edges = new Map(events.flatMap(({ service, causationId }) => {
    const cause = found.get(causationId);
    return cause === undefined || cause.service === service ? [] : [[`${cause.service}→${service}`, [cause.service, service] as const] as const];
  }));
  return { events, edges: [...edges.values()] };
}
