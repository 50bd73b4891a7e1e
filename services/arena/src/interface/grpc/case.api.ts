import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AppealCaseRequest,
  type AppealCaseResponseSchema,
  type CaseSchema,
  CaseService,
  type DismissCaseRequest,
  type DismissCaseResponseSchema,
  type GetCaseRequest,
  type OpenCaseRequest,
  type OpenCaseResponseSchema,
  type RejectAppealRequest,
  type RejectAppealResponseSchema,
} from '@skein/contracts/arena';
import type { EventStore } from '@skein/events';
import { canonicalWallet } from '@skein/kernel';
import { type CallContext, EVENT_STORE, Rpc, notFound } from '@skein/platform';
import { CaseCommands } from '../../application/case-commands.js';
import { caseName, parseCaseName, parseTaskName, taskName } from '../../application/names.js';
import type { CaseCommand } from '../../domain/case/case.commands.js';
import type { CaseState } from '../../domain/case/case.decider.js';
import { callerWallet, originOf, receiptOf } from './calls.js';

function toProto({ status, facts, capUnits, appealDueAtMs, units, reason, outcome, disagreement }: CaseState): MessageInitShape<typeof CaseSchema> {
  const { caseId, taskId, ...accusation } = facts;
  return {
    ...accusation,
    name: caseName(caseId),
    task: taskName(taskId),
    capUnits: capUnits.toString(),
    status,
    appealDueAtMs: BigInt(appealDueAtMs),
    units: units?.toString() ?? '',
    reason,
    outcome: outcome?.outcome ?? '',
    takenUnits: outcome === undefined ? '' : (outcome.fromOwnerUnits + outcome.fromPoolUnits).toString(),
    disagreement,
  };
}

/** Cases against stakes. */
@Injectable()
export class CaseApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CaseCommands) private readonly cases: CaseCommands,
  ) {}

  @Rpc(CaseService.method.openCase)
  async open(request: OpenCaseRequest, call: CallContext): Promise<MessageInitShape<typeof OpenCaseResponseSchema>> {
    const { rule, evidenceSha256 } = request;
    const [taskId, wallet] = [parseTaskName(request.task, 'task'), canonicalWallet(request.wallet, 'wallet')];
    const reporter = request.reporter === '' ? '' : canonicalWallet(request.reporter, 'reporter');
    const role = request.role === 'validator' ? 'validator' : 'node';
    const done = await this.cases.open({ taskId, role, wallet, evidenceSha256, reporter, rule }, originOf(call, 'arena.open-case'));
    const { answer, receipt } = await receiptOf(this.store, done);
    return { name: caseName(answer.caseId), capUnits: answer.capUnits.toString(), appealDueAtMs: BigInt(answer.appealDueAtMs), receipt };
  }

  @Rpc(CaseService.method.appealCase)
  async appeal({ name, reason }: AppealCaseRequest, call: CallContext): Promise<MessageInitShape<typeof AppealCaseResponseSchema>> {
    const wallet = callerWallet(call);
    return this.command(name, call, 'arena.appeal-case', (nowMs) => ({ kind: 'appeal', wallet, reason, nowMs }));
  }

  @Rpc(CaseService.method.rejectAppeal)
  async rejectAppeal({ name, reason }: RejectAppealRequest, call: CallContext): Promise<MessageInitShape<typeof RejectAppealResponseSchema>> {
    return this.command(name, call, 'arena.reject-appeal', (nowMs) => ({ kind: 'reject-appeal', reason, nowMs }));
  }

  @Rpc(CaseService.method.dismissCase)
  async dismiss({ name, reason }: DismissCaseRequest, call: CallContext): Promise<MessageInitShape<typeof DismissCaseResponseSchema>> {
    return this.command(name, call, 'arena.dismiss-case', (nowMs) => ({ kind: 'dismiss', reason, nowMs }));
  }

  @Rpc(CaseService.method.getCase)
  async get({ name }: GetCaseRequest): Promise<MessageInitShape<typeof CaseSchema>> {
    const state = await this.cases.state(parseCaseName(name));
    if (state.status === 'none') throw notFound('name');
    return toProto(state);
  }

  private async command(name: string, call: CallContext, scope: string, command: (nowMs: number) => CaseCommand) {
    const { receipt } = await receiptOf(this.store, await this.cases.run(parseCaseName(name), command, originOf(call, scope)));
    return { receipt };
  }
}
