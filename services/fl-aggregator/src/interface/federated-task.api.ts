import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  FederatedTaskService,
  type ApproveFederatedTaskRequest, type ApproveFederatedTaskResponseSchema, type FederatedTaskSchema, type GetFederatedTaskRequest,
  type GetPoolRequest, type ListFederatedTasksRequest, type ListFederatedTasksResponseSchema, type ListNodesRequest, type ListNodesResponseSchema,
  type ListRoundsRequest, type ListRoundsResponseSchema, type ListUpdateReadsRequest, type ListUpdateReadsResponseSchema, type PoolSchema,
  type ProposeFederatedTaskRequest, type ProposeFederatedTaskResponseSchema,
} from '@skein/contracts/federation';
import { waitForPosition } from '@skein/events';
import type { EventStore } from '@skein/events';
import { reject, unwrap } from '@skein/kernel';
import type { IdSource } from '@skein/kernel';
import { EVENT_STORE, IDS, notFound, Rpc } from '@skein/platform';
import type { CallContext } from '@skein/platform';
import { FederationDesk } from '../application/federation-desk.js';
import { ManifestIntake } from '../application/manifest-intake.js';
import { UPDATE_READS } from '../application/ports.js';
import type { UpdateReadLog } from '../application/ports.js';
import type { FederationState } from '../domain/index.js';
import { FEDERATION } from '../projections/federation.projection.js';
import { FederationQueries } from '../projections/federation.queries.js';
import { awaitPosition, receiptOf, walletOf } from './caller.js';
import { draftOf } from './manifest.mapper.js';
import { taskIdOf, taskName } from './names.js';
import { poolMessage, roundMessage, taskMessage } from './views.js';

type Answer<Schema extends DescMessage> = MessageInitShape<Schema>;

const PAGE_SIZE = 50;

/** Opaque token of a page: JSON in base64url; one that is none is a bad argument. */
const tokenOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function parseToken(token: string): Record<string, unknown> | undefined {
  if (token === '') return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Falls through to the refusal below: what was wrong with the text is of no use to the caller.
  }
  return unwrap(reject('invalid-argument', 'page-token', 'page_token is none of ours', 'page_token'));
}

/** Federated tasks for partners and operators. */
@Injectable()
export class FederatedTaskApi {
  readonly #store: EventStore;
  readonly #desk: FederationDesk;
  readonly #intake: ManifestIntake;
  readonly #queries: FederationQueries;
  readonly #reads: UpdateReadLog;
  readonly #ids: IdSource;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(FederationDesk) desk: FederationDesk,
    @Inject(ManifestIntake) intake: ManifestIntake,
    @Inject(FederationQueries) queries: FederationQueries,
    @Inject(UPDATE_READS) reads: UpdateReadLog,
    @Inject(IDS) ids: IdSource,
  ) {
    this.#store = store;
    this.#desk = desk;
    this.#intake = intake;
    this.#queries = queries;
    this.#reads = reads;
    this.#ids = ids;
  }

  @Rpc(FederatedTaskService.method.proposeFederatedTask)
  async propose(request: ProposeFederatedTaskRequest, call: CallContext): Promise<Answer<typeof ProposeFederatedTaskResponseSchema>> {
    const creator = walletOf(call);
    const { manifest, weightsSha256 } = await this.#intake.complete(draftOf(request.manifest!), creator);
    const id = this.#ids.uuidV7();
    const requestId = request.requestId;
    const origin = { metadata: call.metadata(), key: call.key('federation.propose') };
    const done = await this.#desk.give(
      id,
      origin,
      () => ({ kind: 'propose', id, creator, manifest, weightsSha256, requestId }),
      (state) => ({ id: state.id }),
    );
    return { name: taskName(done.answer?.id ?? id), receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederatedTaskService.method.approveFederatedTask)
  async approve(request: ApproveFederatedTaskRequest, call: CallContext): Promise<Answer<typeof ApproveFederatedTaskResponseSchema>> {
    const id = taskIdOf(request.name, 'name');
    if (request.pool!.asset !== 'FLOCK') unwrap(reject('invalid-argument', 'asset', 'the pool is granted in FLOCK', 'pool.asset'));
    const pool = BigInt(request.pool!.units);
    const origin = { metadata: call.metadata(), key: call.key('federation.approve', { forever: true }) };
    const done = await this.#desk.give(
      id,
      origin,
      (nowMs) => ({ kind: 'approve', pool, nowMs }),
      (state) => ({ joiningDueAtMs: state.joiningDueAtMs }),
    );
    return { joiningDueAtMs: BigInt(done.answer?.joiningDueAtMs ?? 0), receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(FederatedTaskService.method.getFederatedTask)
  async get(request: GetFederatedTaskRequest): Promise<Answer<typeof FederatedTaskSchema>> {
    return taskMessage(await this.#existing(request.name, 'name'));
  }

  @Rpc(FederatedTaskService.method.getPool)
  async pool(request: GetPoolRequest): Promise<Answer<typeof PoolSchema>> {
    return poolMessage((await this.#existing(request.task, 'task')).pool);
  }

  @Rpc(FederatedTaskService.method.listFederatedTasks)
  async list(request: ListFederatedTasksRequest): Promise<Answer<typeof ListFederatedTasksResponseSchema>> {
    const limit = request.pageSize || PAGE_SIZE;
    const after = parseToken(request.pageToken);
    const rows = await this.#queries.tasks(limit, after && { atMs: String(Number(after['atMs'])), id: String(after['id']) });
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return {
      tasks: rows.map((row) => ({
        name: taskName(row.id),
        creator: row.creator,
        title: row.title,
        status: row.status,
        rounds: row.rounds,
        roundsDone: row.rounds_done,
        proposedAtMs: BigInt(row.proposed_at_ms),
      })),
      nextPageToken: last ? tokenOf({ atMs: last.proposed_at_ms, id: last.id }) : '',
    };
  }

  @Rpc(FederatedTaskService.method.listRounds)
  async rounds(request: ListRoundsRequest): Promise<Answer<typeof ListRoundsResponseSchema>> {
    const limit = request.pageSize || PAGE_SIZE;
    const id = taskIdOf(request.parent, 'parent');
    await this.#seen(request.minPosition);
    const rows = await this.#queries.rounds(id, Number(parseToken(request.pageToken)?.['round'] ?? 0) || 0, limit);
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return { rounds: rows.map(roundMessage), nextPageToken: last ? tokenOf({ round: last.round }) : '' };
  }

  @Rpc(FederatedTaskService.method.listNodes)
  async nodes(request: ListNodesRequest): Promise<Answer<typeof ListNodesResponseSchema>> {
    const id = taskIdOf(request.parent, 'parent');
    await this.#seen(request.minPosition);
    const rows = await this.#queries.nodes(id);
    return {
      nodes: rows.map(({ node, out, paid, slashed, proposed, voted }) => ({ node, out, paidUnits: paid, slashedUnits: slashed, proposed, voted })),
    };
  }

  @Rpc(FederatedTaskService.method.listUpdateReads)
  async updateReads(request: ListUpdateReadsRequest): Promise<Answer<typeof ListUpdateReadsResponseSchema>> {
    const rows = await this.#reads.list(taskIdOf(request.parent, 'parent'));
    return { reads: rows.map(({ round, sha256, reader, readAtMs }) => ({ round, sha256, reader, readAtMs: BigInt(readAtMs) })) };
  }

  async #existing(name: string, field: string): Promise<FederationState> {
    const state = await this.#desk.state(taskIdOf(name, field));
    if (state.phase === 'absent') throw notFound(field);
    return state;
  }

  async #seen(position: bigint): Promise<void> {
    await awaitPosition((wanted, timeoutMs) => waitForPosition(this.#store.pool, FEDERATION, wanted, timeoutMs), position);
  }
}
