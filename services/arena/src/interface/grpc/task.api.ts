import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type ApproveTaskRequest,
  type ApproveTaskResponseSchema,
  type CancelTaskRequest,
  type CancelTaskResponseSchema,
  type GetTaskRequest,
  type GrantTrainingSetRequest,
  type GrantTrainingSetResponseSchema,
  type ListTasksRequest,
  type ListTasksResponseSchema,
  type ProposeTaskRequest,
  type ProposeTaskResponseSchema,
  type StartTrainingRequest,
  type StartTrainingResponseSchema,
  type TaskSchema,
  TaskService,
} from '@skein/contracts/arena';
import type { EventStore } from '@skein/events';
import { RejectionError, unwrap } from '@skein/kernel';
import { type CallContext, EVENT_STORE, Rpc, StakeCopyFrontier, notFound } from '@skein/platform';
import { parseTaskName, submissionName, taskName } from '../../application/names.js';
import { TaskCommands } from '../../application/task-commands.js';
import { type TaskRow, TaskQueries } from '../../projections/task-queries.js';
import { awaitPosition, callerWallet, originOf, receiptOf } from './calls.js';
import { INTEGER, pageOf, parsePageToken } from './paging.js';
import { policyToProto, proposalOf } from './policy.mapper.js';

const STATUSES = ['draft', 'open', 'training', 'final-validation', 'challenge', 'finished', 'cancelled'];

const toProto = (row: TaskRow): MessageInitShape<typeof TaskSchema> => ({
  ...policyToProto(row.policy),
  name: taskName(row.taskId),
  status: row.status,
  creator: row.creator,
  policyVersion: row.policyVersion,
  epoch: row.epoch,
  epochPhase: row.epochPhase,
  dueAtMs: BigInt(row.dueAtMs),
  winner: row.winner === undefined ? '' : submissionName(row.taskId, row.winner),
  cancelReason: row.cancelReason,
  createdAtMs: BigInt(row.createdAtMs),
  nodes: row.nodes,
  validators: row.validators,
});

@Injectable()
export class TaskApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(TaskCommands) private readonly tasks: TaskCommands,
    @Inject(TaskQueries) private readonly queries: TaskQueries,
    @Inject(StakeCopyFrontier) private readonly frontier: StakeCopyFrontier,
  ) {}

  @Rpc(TaskService.method.proposeTask)
  async proposeTask(request: ProposeTaskRequest, call: CallContext): Promise<MessageInitShape<typeof ProposeTaskResponseSchema>> {
    const policyName = request.rules?.slashingPolicy ?? '';
    if (policyName !== '' && policyName !== 'none')
      throw new RejectionError({ code: 'invalid-argument', rule: 'known-policy', message: 'the only slashing policy is "none"', field: 'rules.slashing_policy' });
    const done = await this.tasks.propose(proposalOf(request, callerWallet(call)), originOf(call, 'arena.propose'));
    const { answer, receipt } = await receiptOf(this.store, done);
    return { name: taskName(answer.taskId), receipt };
  }

  @Rpc(TaskService.method.approveTask)
  async approveTask(request: ApproveTaskRequest, call: CallContext): Promise<MessageInitShape<typeof ApproveTaskResponseSchema>> {
    const { answer, receipt } = await receiptOf(this.store, await this.tasks.approve(parseTaskName(request.name), originOf(call, 'arena.approve')));
    return { policyVersion: answer.policyVersion, stakingDueAtMs: BigInt(answer.stakingDueAtMs), receipt };
  }

  @Rpc(TaskService.method.startTraining)
  async startTraining(request: StartTrainingRequest, call: CallContext): Promise<MessageInitShape<typeof StartTrainingResponseSchema>> {
    const { receipt } = await receiptOf(this.store, await this.tasks.considerStart(parseTaskName(request.name), true, originOf(call, 'arena.start')));
    return { receipt };
  }

  @Rpc(TaskService.method.cancelTask)
  async cancelTask(request: CancelTaskRequest, call: CallContext): Promise<MessageInitShape<typeof CancelTaskResponseSchema>> {
    const by = call.identity.kind === 'operator' ? { kind: 'operator' as const } : { kind: 'wallet' as const, wallet: callerWallet(call) };
    const { receipt } = await receiptOf(this.store, await this.tasks.cancel(parseTaskName(request.name), by, request.reason, originOf(call, 'arena.cancel')));
    return { receipt };
  }

  @Rpc(TaskService.method.grantTrainingSet)
  async grantTrainingSet(request: GrantTrainingSetRequest, call: CallContext): Promise<MessageInitShape<typeof GrantTrainingSetResponseSchema>> {
    return { sha256: unwrap(await this.tasks.grantTrainingSet(parseTaskName(request.task, 'task'), callerWallet(call))) };
  }

  @Rpc(TaskService.method.getTask)
  async getTask(request: GetTaskRequest): Promise<MessageInitShape<typeof TaskSchema>> {
    const taskId = parseTaskName(request.name);
    await awaitPosition(this.store, 'arena_tasks', request.minPosition);
    const row = await this.queries.find(taskId);
    if (!row) throw notFound('name');
    return { ...toProto(row), ...(await this.frontier.field()) };
  }

  @Rpc(TaskService.method.listTasks)
  async listTasks(request: ListTasksRequest): Promise<MessageInitShape<typeof ListTasksResponseSchema>> {
    if (request.status !== '' && !STATUSES.includes(request.status))
      throw new RejectionError({ code: 'invalid-argument', rule: 'known-status', message: `status must be one of ${STATUSES.join(', ')}`, field: 'status' });
    await awaitPosition(this.store, 'arena_tasks', request.minPosition);
    const size = request.pageSize || 50;
    const [before] = parsePageToken(request.pageToken, [INTEGER]) ?? [];
    const rows = await this.queries.list(request.status, before === undefined ? undefined : BigInt(before), size + 1);
    const { page, nextPageToken } = pageOf(rows, size, ({ position }) => [position]);
    return { tasks: page.map(toProto), nextPageToken };
  }
}
