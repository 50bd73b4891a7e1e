import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type CommitSubmissionRequest,
  type CommitSubmissionResponseSchema,
  type GetLeaderboardRequest,
  type GetSubmissionRequest,
  type LeaderboardSchema,
  type ListSubmissionsRequest,
  type ListSubmissionsResponseSchema,
  type MarkDoneRequest,
  type MarkDoneResponseSchema,
  type RevealSubmissionRequest,
  type RevealSubmissionResponseSchema,
  type SubmissionSchema,
  SubmissionService,
} from '@skein/contracts/arena';
import type { EventStore } from '@skein/events';
import { canonicalWallet } from '@skein/kernel';
import { type CallContext, EVENT_STORE, Rpc, notFound } from '@skein/platform';
import { EpochCommands } from '../../application/epoch-commands.js';
import { parseSubmissionName, parseTaskName, submissionName, taskName } from '../../application/names.js';
import { type SubmissionRow, SubmissionQueries } from '../../projections/submission-queries.js';
import { TaskQueries } from '../../projections/task-queries.js';
import { awaitPosition, callerWallet, originOf, receiptOf } from './calls.js';
import { INTEGER, pageOf, parsePageToken } from './paging.js';

const optional = <K extends string>(key: K, value: bigint | undefined) => (value === undefined ? {} : { [key]: value });

const toProto = (row: SubmissionRow): MessageInitShape<typeof SubmissionSchema> => ({
  name: submissionName(row.taskId, row.submissionId),
  owner: row.owner,
  epoch: row.epoch,
  order: row.order,
  status: row.status,
  rule: row.rule,
  artifactSha256: row.artifactSha256,
  ...optional('boardScoreNano', row.boardScoreNano),
  ...optional('finalScoreNano', row.finalScoreNano),
  ...optional('epochScoreNano', row.epochScoreNano),
  finalRank: row.finalRank,
  committedAtMs: BigInt(row.committedAtMs),
});

@Injectable()
export class SubmissionApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(EpochCommands) private readonly epochs: EpochCommands,
    @Inject(SubmissionQueries) private readonly queries: SubmissionQueries,
    @Inject(TaskQueries) private readonly tasks: TaskQueries,
  ) {}

  @Rpc(SubmissionService.method.commitSubmission)
  async commit(request: CommitSubmissionRequest, call: CallContext): Promise<MessageInitShape<typeof CommitSubmissionResponseSchema>> {
    const taskId = parseTaskName(request.task, 'task');
    const done = await this.epochs.commit(taskId, callerWallet(call), request.commit, request.epoch, originOf(call, 'arena.commit'));
    const { answer, receipt } = await receiptOf(this.store, done);
    const { submissionId, epoch, order, quotaLeft, commitDueAtMs } = answer;
    return { name: submissionName(taskId, submissionId), epoch, order, quotaLeft, commitDueAtMs: BigInt(commitDueAtMs), receipt };
  }

  @Rpc(SubmissionService.method.revealSubmission)
  async reveal(request: RevealSubmissionRequest, call: CallContext): Promise<MessageInitShape<typeof RevealSubmissionResponseSchema>> {
    const { taskId, submissionId } = parseSubmissionName(request.name);
    const done = await this.epochs.reveal(taskId, submissionId, callerWallet(call), request.artifactSha256, request.salt, originOf(call, 'arena.reveal'));
    const { answer, receipt } = await receiptOf(this.store, done);
    return { status: answer.status, receipt };
  }

  @Rpc(SubmissionService.method.markDone)
  async markDone(request: MarkDoneRequest, call: CallContext): Promise<MessageInitShape<typeof MarkDoneResponseSchema>> {
    const done = await this.epochs.markDone(parseTaskName(request.task, 'task'), callerWallet(call), request.epoch, originOf(call, 'arena.done'));
    const { answer, receipt } = await receiptOf(this.store, done);
    return { epoch: answer.epoch, receipt };
  }

  @Rpc(SubmissionService.method.getSubmission)
  async getSubmission(request: GetSubmissionRequest): Promise<MessageInitShape<typeof SubmissionSchema>> {
    const { taskId, submissionId } = parseSubmissionName(request.name);
    await awaitPosition(this.store, 'arena_submissions', request.minPosition);
    const row = await this.queries.find(taskId, submissionId);
    if (!row) throw notFound('name');
    return toProto(row);
  }

  @Rpc(SubmissionService.method.listSubmissions)
  async listSubmissions(request: ListSubmissionsRequest): Promise<MessageInitShape<typeof ListSubmissionsResponseSchema>> {
    const taskId = parseTaskName(request.parent, 'parent');
    const owner = request.owner === '' ? '' : canonicalWallet(request.owner, 'owner');
    await awaitPosition(this.store, 'arena_submissions', request.minPosition);
    const size = request.pageSize || 100;
    const [after] = parsePageToken(request.pageToken, [INTEGER]) ?? ['0'];
    const rows = await this.queries.list(taskId, { epoch: request.epoch, owner }, BigInt(after!), size + 1);
    const { page, nextPageToken } = pageOf(rows, size, ({ position }) => [position]);
    return { submissions: page.map(toProto), nextPageToken };
  }

  @Rpc(SubmissionService.method.getLeaderboard)
  async getLeaderboard(request: GetLeaderboardRequest): Promise<MessageInitShape<typeof LeaderboardSchema>> {
    const taskId = parseTaskName(request.task, 'task');
    await awaitPosition(this.store, 'arena_leaderboard', request.minPosition);
    if (!(await this.tasks.find(taskId))) throw notFound('task');
    const { epoch, standings } = await this.queries.board(taskId);
    return { task: taskName(taskId), epoch, standings: standings.map(({ submissionId, ...rest }) => ({ ...rest, submission: submissionName(taskId, submissionId) })) };
  }
}
