import type { MessageInitShape } from '@bufbuild/protobuf';
import { OperationsService, type ListEventsRequest, type ListEventsResponseSchema, type VerifyReadModelsResponseSchema } from '@skein/contracts/operations';
import { compareProjection, countLog, findEvents, type EventStore, type Projection } from '@skein/events';
import { RejectionError } from '@skein/kernel';
import { Rpc } from '../rpc.js';
import { numberOf, tokenOf } from './page.js';

const LIMIT = 200;

/** What an operator asks of any service: the proof of its read models, and what followed from what. */
export class OperationsApi {
  readonly #store: EventStore;
  readonly #projections: readonly Projection[];
  constructor(store: EventStore, projections: readonly Projection[]) {
    this.#store = store;
    this.#projections = projections;
  }

  @Rpc(OperationsService.method.verifyReadModels)
  async verifyReadModels(): Promise<MessageInitShape<typeof VerifyReadModelsResponseSchema>> {
    const readModels = [];
    // One after the other: each comparison holds a snapshot and a connection.
    for (const projection of this.#projections) {
      const { position, tables, rows, equal, differences } = await compareProjection(this.#store, projection);
      const differingTables = [...new Set(differences.map(({ table }) => table))];
      readModels.push({ name: projection.name, version: projection.version, tables, rows: BigInt(rows), equal, differingTables, position });
    }
    return { readModels, ...(await countLog(this.#store.pool)) };
  }

  @Rpc(OperationsService.method.listEvents)
  async listEvents({ subject, correlationId, causationIds, pageSize, pageToken }: ListEventsRequest): Promise<MessageInitShape<typeof ListEventsResponseSchema>> {
    if (subject === '' && correlationId === '' && causationIds.length === 0)
      throw new RejectionError({ code: 'invalid-argument', rule: 'filter-required', message: 'name a subject, a correlation_id or causation_ids', field: 'subject' });
    const after = numberOf(pageToken);
    const filter = { causationIds, limit: pageSize || LIMIT, ...(after === undefined ? {} : { after }), ...(subject === '' ? {} : { subject }), ...(correlationId === '' ? {} : { correlationId }) };
    const { events, next } = await findEvents(this.#store.pool, filter);
    return { events: events.map((event) => ({ ...event, recordedAtMs: BigInt(event.recordedAtMs) })), nextPageToken: next === undefined ? '' : tokenOf(String(next)) };
  }
}
