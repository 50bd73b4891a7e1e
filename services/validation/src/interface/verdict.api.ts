import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type GetScoreRequest, type GetScoringRequest, type GetVerdictRequest, type ListVerdictsRequest, type ListVerdictsResponseSchema, type ReplayScoreRequest,
  type ReplayScoreResponseSchema, type ScoreSchema, type ScoringSchema, VerdictService, type VerdictSchema,
} from '@skein/contracts/validation';
import type { EventStore } from '@skein/events';
import { type CallContext, EVENT_STORE, notFound, Rpc } from '@skein/platform';
import { FINISHED_TASKS, type FinishedTasks } from '../application/ports.js';
import { ScoreReplay } from '../application/score-replay.js';
import type { Manifest } from '../domain/evaluation/evaluation.events.js';
import { type AssignmentRow, ValidationQueries } from '../projections/validation.queries.js';
import { awaitPosition } from './caller.js';
import { idOf } from './names.js';
import { pageToken, readPageToken } from './page-token.js';
import { scoreMessage, scoringMessage, verdictMessage } from './views.js';

type Answer<Schema extends DescMessage> = Promise<MessageInitShape<Schema>>;
const PAGE_SIZE = 50;

/** Verdicts, scores and replays. Exact scores would let trainers probe the hidden set, so most callers wait for the task's end. */
@Injectable()
export class VerdictApi {
  readonly #store: EventStore;
  readonly #queries: ValidationQueries;
  readonly #finished: FinishedTasks;
  readonly #replay: ScoreReplay;

  constructor(
    @Inject(EVENT_STORE) store: EventStore,
    @Inject(ValidationQueries) queries: ValidationQueries,
    @Inject(FINISHED_TASKS) finished: FinishedTasks,
    @Inject(ScoreReplay) replay: ScoreReplay,
  ) {
    this.#store = store;
    this.#queries = queries;
    this.#finished = finished;
    this.#replay = replay;
  }

  @Rpc(VerdictService.method.getVerdict)
  async getVerdict({ name, minPosition }: GetVerdictRequest, call: CallContext): Answer<typeof VerdictSchema> {
    await awaitPosition(this.#store, minPosition);
    const id = idOf('verdicts', name);
    const row = await this.#queries.evaluation(id);
    if (row === undefined) throw notFound('name');
    return verdictMessage(row, await this.#queries.assignmentsOf([id]), await this.#shown(row.task, call));
  }

  @Rpc(VerdictService.method.listVerdicts)
  async listVerdicts({ task, submission, pageSize, pageToken: token, minPosition }: ListVerdictsRequest, call: CallContext): Answer<typeof ListVerdictsResponseSchema> {
    await awaitPosition(this.#store, minPosition);
    const limit = pageSize || PAGE_SIZE;
    const rows = await this.#queries.evaluations(task, submission, limit, readPageToken(token));
    const assignments = await this.#queries.assignmentsOf(rows.map(({ id }) => id));
    const shown = await this.#shown(task, call);
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return {
      verdicts: rows.map((row) => verdictMessage(row, assignments.filter(({ evaluation_id }) => evaluation_id === row.id), shown)),
      nextPageToken: last === undefined ? '' : pageToken(last),
    };
  }

  @Rpc(VerdictService.method.getScore)
  async getScore({ name }: GetScoreRequest, call: CallContext): Answer<typeof ScoreSchema> {
    const { row, manifest } = await this.#score(name, call);
    return scoreMessage(row, manifest);
  }

  @Rpc(VerdictService.method.replayScore)
  async replayScore({ name }: ReplayScoreRequest, call: CallContext): Answer<typeof ReplayScoreResponseSchema> {
    const { row } = await this.#score(name, call);
    return this.#replay.replay(row.evaluation_id, row.id, call.signal);
  }

  @Rpc(VerdictService.method.getScoring)
  async getScoring({ name }: GetScoringRequest): Answer<typeof ScoringSchema> {
    const row = await this.#queries.scoring(idOf('scorings', name));
    if (row === undefined) throw notFound('name');
    return scoringMessage(row);
  }

  /** A score that the caller may not see does not exist for it. */
  async #score(name: string, call: CallContext): Promise<{ row: AssignmentRow; manifest: Manifest }> {
    const row = await this.#queries.assignment(idOf('scores', name));
    if (row === undefined || row.manifest === null) throw notFound('name');
    const own = call.identity.kind === 'wallet' && call.identity.wallet === row.validator;
    if (!own && !(await this.#shown(row.task, call))) throw notFound('name');
    return { row, manifest: row.manifest };
  }

  async #shown(task: string, { identity }: CallContext): Promise<boolean> {
    return identity.kind === 'operator' || this.#finished.isFinished(task);
  }
}
