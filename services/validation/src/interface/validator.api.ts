import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AcceptAssignmentRequest, type AcceptAssignmentResponseSchema, type AssignmentSchema, type FailAssignmentRequest, type FailAssignmentResponseSchema,
  type GetAssignmentRequest, type GetValidatorRequest, type ListAssignmentsRequest, type ListAssignmentsResponseSchema, type ReplayManifest,
  type RevealScoreRequest, type RevealScoreResponseSchema, type SealScoreRequest, type SealScoreResponseSchema, type SetManagedRequest,
  type SetManagedResponseSchema, ValidatorService, type ValidatorSchema,
} from '@skein/contracts/validation';
import type { EventStore, Executed } from '@skein/events';
import { RejectionError, unwrap } from '@skein/kernel';
import { type CallContext, EVENT_STORE, notFound, Rpc } from '@skein/platform';
import { EvaluationDesk } from '../application/evaluation-desk.js';
import { EVALUATION_FILES, type EvaluationFiles } from '../application/ports.js';
import { manifestHash } from '../application/manifests.js';
import type { EvaluationCommand } from '../domain/evaluation/evaluation.commands.js';
import type { Manifest } from '../domain/evaluation/evaluation.events.js';
import { type ManagementChanged, type SetManaged, validatorDecider, type ValidatorState } from '../domain/validator/validator.decider.js';
import { type AssignmentRow, ValidationQueries } from '../projections/validation.queries.js';
import { awaitPosition, receiptOf, walletOf } from './caller.js';
import { idOf } from './names.js';
import { pageToken, readPageToken } from './page-token.js';
import { assignmentMessage, statusOf, workMessage } from './views.js';

type Answer<Schema extends DescMessage> = Promise<MessageInitShape<Schema>>;
const PAGE_SIZE = 50;

/** What validators do: their settings, their assignments, sealed scores. Everything is about the caller's own assignments. */
@Injectable()
export class ValidatorApi {
  readonly #store: EventStore;
  readonly #desk: EvaluationDesk;
  readonly #files: EvaluationFiles;
  readonly #queries: ValidationQueries;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(EvaluationDesk) desk: EvaluationDesk,
    @Inject(EVALUATION_FILES) files: EvaluationFiles,
    @Inject(ValidationQueries) queries: ValidationQueries,
  ) {
    this.#store = store;
    this.#desk = desk;
    this.#files = files;
    this.#queries = queries;
  }

  @Rpc(ValidatorService.method.setManaged)
  async setManaged({ managed }: SetManagedRequest, call: CallContext): Answer<typeof SetManagedResponseSchema> {
    const validator = walletOf(call);
    const done = unwrap(
      await this.#store.execute<ValidatorState, SetManaged, ManagementChanged>({
        decider: validatorDecider,
        streamId: `validator-${validator}`,
        command: (nowMs) => ({ validator, managed, nowMs }),
        metadata: call.metadata(),
        key: call.key('validation.set-managed'),
      }),
    );
    return { validator: { wallet: validator, managed }, receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(ValidatorService.method.getValidator)
  async getValidator({ wallet }: GetValidatorRequest): Answer<typeof ValidatorSchema> {
    const { state } = await this.#store.state(validatorDecider, `validator-${wallet}`);
    return { wallet, managed: state.managed };
  }

  @Rpc(ValidatorService.method.listAssignments)
  async listAssignments(request: ListAssignmentsRequest, call: CallContext): Answer<typeof ListAssignmentsResponseSchema> {
    await awaitPosition(this.#store, request.minPosition);
    const limit = request.pageSize || PAGE_SIZE;
    const status = statusOf(request.status);
    const after = readPageToken(request.pageToken);
    const rows = await this.#queries.assignments({
      validator: walletOf(call),
      revealable: request.revealable,
      limit,
      ...(status === undefined ? {} : { status }),
      ...(request.task === '' ? {} : { task: request.task }),
      ...(after === undefined ? {} : { after }),
    });
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return { assignments: rows.map(assignmentMessage), nextPageToken: last === undefined ? '' : pageToken(last) };
  }

  @Rpc(ValidatorService.method.getAssignment)
  async getAssignment({ name }: GetAssignmentRequest, call: CallContext): Answer<typeof AssignmentSchema> {
    return assignmentMessage(await this.#own(name, call));
  }

  /** Repeated with the same key it answers the same and renews the grant, so a validator that crashed goes on. */
  @Rpc(ValidatorService.method.acceptAssignment)
  async acceptAssignment({ name }: AcceptAssignmentRequest, call: CallContext): Answer<typeof AcceptAssignmentResponseSchema> {
    const row = await this.#own(name, call);
    const terms = (await this.#desk.state(row.evaluation_id)).terms!;
    const done = await this.#give(row, call, 'validation.accept', async (nowMs) => {
      await this.#spacing(row, terms.intervalSeconds, nowMs);
      return { kind: 'accept' };
    });
    // A repeated call may come when all is over: its answer is still the same, but nobody needs the files any more.
    if ((await this.#desk.state(row.evaluation_id)).phase !== 'decided') await this.#files.grantTo(terms, row.validator);
    return { assignment: assignmentMessage({ ...row, status: 'accepted' }), work: workMessage(terms), receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(ValidatorService.method.sealScore)
  async sealScore({ name, seal }: SealScoreRequest, call: CallContext): Answer<typeof SealScoreResponseSchema> {
    const done = await this.#give(await this.#own(name, call), call, 'validation.seal', () => ({ kind: 'seal', seal }));
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(ValidatorService.method.revealScore)
  async revealScore({ name, scoreNano, salt, manifest }: RevealScoreRequest, call: CallContext): Answer<typeof RevealScoreResponseSchema> {
    const given = manifestFrom(manifest!);
    const reveal = { kind: 'reveal' as const, scoreNano, salt, manifest: given, manifestSha256: manifestHash(given) };
    const done = await this.#give(await this.#own(name, call), call, 'validation.reveal', () => reveal);
    return { receipt: await receiptOf(this.#store, done) };
  }

  @Rpc(ValidatorService.method.failAssignment)
  async failAssignment({ name, rule }: FailAssignmentRequest, call: CallContext): Answer<typeof FailAssignmentResponseSchema> {
    const done = await this.#give(await this.#own(name, call), call, 'validation.fail', () => ({ kind: 'fail', rule }));
    return { receipt: await receiptOf(this.#store, done) };
  }

  /** Somebody else's assignment is one that does not exist. */
  async #own(name: string, call: CallContext): Promise<AssignmentRow> {
    const row = await this.#queries.assignment(idOf('assignments', name));
    if (row === undefined || row.validator !== walletOf(call)) throw notFound('name');
    return row;
  }

  async #give(row: AssignmentRow, call: CallContext, scope: string, command: (nowMs: number) => Acting | Promise<Acting>): Promise<Executed<undefined>> {
    const of = { assignmentId: row.id, validator: row.validator };
    // The way of a submission runs through whoever judges it: what a validator does follows from the offer, and so does the verdict.
    const metadata = { ...call.metadata(), correlationId: row.correlation_id, causationId: row.opened_by, ...(row.traceparent === null ? {} : { traceparent: row.traceparent }) };
    return unwrap(await this.#desk.give(row.evaluation_id, { metadata, key: call.key(scope) }, async (nowMs) => ({ ...(await command(nowMs)), ...of, nowMs })));
  }

  async #spacing(row: AssignmentRow, intervalSeconds: number, nowMs: number): Promise<void> {
    const last = intervalSeconds === 0 ? undefined : await this.#queries.lastAcceptedAtMs(row.validator, row.task, row.id);
    if (last === undefined || nowMs - last >= intervalSeconds * 1000) return;
    throw new RejectionError({ code: 'resource-exhausted', rule: 'assignment-interval', message: `one new assignment per ${intervalSeconds} seconds and task`, field: 'name', retriable: true });
  }
}

type Own = 'assignmentId' | 'validator' | 'nowMs';
type Acting = EvaluationCommand extends infer C ? (C extends { readonly kind: 'accept' | 'seal' | 'reveal' | 'fail' } ? Omit<C, Own> : never) : never;

function manifestFrom(message: ReplayManifest): Manifest {
  const { artifactSha256, dataSetSha256, metric, metricVersion, runtime, executionProvider, graphOptimisation, threads, batchSize, resultBits } = message;
  return { artifactSha256, dataSetSha256, metric, metricVersion, runtime, executionProvider, graphOptimisation, threads, batchSize, resultBits };
}
