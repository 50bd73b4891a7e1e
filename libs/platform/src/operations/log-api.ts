import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  OperationsService,
  type ListProjectionsResponseSchema,
  type ListStreamsRequest,
  type ListStreamsResponseSchema,
  type ReaderSchema,
  type ReadStreamRequest,
  type ReadStreamResponseSchema,
  type RebuildProjectionRequest,
  type RebuildProjectionResponseSchema,
  type RebuildSchema,
} from '@skein/contracts/operations';
import { listProjections, listStreams, listSubscriptions, startRebuild, type EventStore, type Projection, type ProjectionInfo, type RebuildProgress, type RecordedEvent } from '@skein/events';
import { canonicalJson } from '@skein/kernel';
import { notFound } from '../not-found.js';
import { Rpc } from '../rpc.js';
import { numberOf, sizeOf, tokenOf } from './page.js';

type Reader = MessageInitShape<typeof ReaderSchema>;

const rebuildOf = (rebuild: RebuildProgress): MessageInitShape<typeof RebuildSchema> => ({
  state: rebuild.state,
  version: rebuild.version ?? 0,
  built: rebuild.built,
  head: rebuild.head,
  lag: rebuild.lag,
  eventsPerSecond: BigInt(rebuild.eventsPerSecond),
  remainingMs: BigInt(rebuild.remainingMs ?? -1),
  error: rebuild.error ?? '',
  askedAtMs: BigInt(rebuild.askedAtMs),
});

const projectionOf = ({ name, declaredVersion, version, position, head, lag, state, active, rebuild }: ProjectionInfo): Reader => ({
  name, kind: 'projection', version: declaredVersion, liveVersion: version ?? 0, position, head, lag, state, active, ...(rebuild === undefined ? {} : { rebuild: rebuildOf(rebuild) }),
});

const storedOf = ({ metadata, ...event }: RecordedEvent): NonNullable<MessageInitShape<typeof ReadStreamResponseSchema>['events']>[number] => ({
  header: {
    eventId: event.eventId, type: event.type, streamId: event.streamId, version: event.version, position: event.position,
    correlationId: metadata.correlationId, causationId: metadata.causationId ?? '', recordedAtMs: BigInt(event.recordedAtMs), traceparent: metadata.traceparent ?? '',
  },
  schemaVersion: event.schemaVersion,
  dataJson: canonicalJson(event.data),
  actor: metadata.actor,
});

/** What an operator asks of a service's log and of those who read it. */
export class LogApi {
  readonly #store: EventStore;
  readonly #projections: readonly Projection[];
  constructor(store: EventStore, projections: readonly Projection[]) {
    this.#store = store;
    this.#projections = projections;
  }

  @Rpc(OperationsService.method.listStreams)
  async listStreams({ prefix, oldestFirst, pageSize, pageToken }: ListStreamsRequest): Promise<MessageInitShape<typeof ListStreamsResponseSchema>> {
    const [after, size] = [numberOf(pageToken), sizeOf(pageSize)];
    const found = await listStreams(this.#store.pool, { prefix, oldestFirst, limit: size + 1, ...(after === undefined ? {} : { after }) });
    const page = found.slice(0, size);
    const streams = page.map((stream) => ({ ...stream, begunAtMs: BigInt(stream.begunAtMs), lastAtMs: BigInt(stream.lastAtMs) }));
    return { streams, nextPageToken: found.length > size ? tokenOf(String(page.at(-1)?.begun)) : '' };
  }

  @Rpc(OperationsService.method.readStream)
  async readStream({ streamId, fromVersion, pageSize }: ReadStreamRequest): Promise<MessageInitShape<typeof ReadStreamResponseSchema>> {
    const events = await this.#store.readStream(streamId, fromVersion || 1);
    if (events.length === 0 && fromVersion <= 1) throw notFound('stream_id');
    const size = sizeOf(pageSize);
    return { events: events.slice(0, size).map(storedOf), nextVersion: events[size]?.version ?? 0 };
  }

  @Rpc(OperationsService.method.listProjections)
  async listProjections(): Promise<MessageInitShape<typeof ListProjectionsResponseSchema>> {
    const projections = await listProjections(this.#store.pool, this.#projections);
    const names = new Set(projections.map(({ name }) => name));
    const others = (await listSubscriptions(this.#store.pool)).filter(({ name }) => !names.has(name));
    const readers = others.map((info): Reader => ({ ...info, kind: info.name.startsWith('publication-') ? 'publication' : 'reactor', state: 'current' }));
    return { readers: [...projections.map(projectionOf), ...readers] };
  }

  @Rpc(OperationsService.method.rebuildProjection)
  async rebuildProjection({ name }: RebuildProjectionRequest): Promise<MessageInitShape<typeof RebuildProjectionResponseSchema>> {
    const projection = this.#projections.find((one) => one.name === name);
    if (projection === undefined) throw notFound('name');
    return { rebuild: rebuildOf(await startRebuild(this.#store.pool, projection)) };
  }
}
