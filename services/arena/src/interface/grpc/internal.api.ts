import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { ArenaInternalService, type GrantEvaluationRequest, type GrantEvaluationResponseSchema } from '@skein/contracts/arena/internal';
import { RejectionError, canonicalWallet, unwrap } from '@skein/kernel';
import { type CallContext, Rpc } from '@skein/platform';
import { EvaluationGrants } from '../../application/evaluation-grants.js';
import { parseSubmissionName, parseTaskName } from '../../application/names.js';

@Injectable()
export class InternalApi {
  constructor(@Inject(EvaluationGrants) private readonly grants: EvaluationGrants) {}

  @Rpc(ArenaInternalService.method.grantEvaluation)
  async grantEvaluation(request: GrantEvaluationRequest, { identity }: CallContext): Promise<MessageInitShape<typeof GrantEvaluationResponseSchema>> {
    if (identity.kind !== 'service' || identity.service !== 'validation')
      throw new RejectionError({ code: 'permission-denied', rule: 'service-not-allowed', message: 'only validation hands out assignments' });
    const taskId = parseTaskName(request.task, 'task');
    const submission = parseSubmissionName(request.submission, 'submission');
    if (submission.taskId !== taskId) throw new RejectionError({ code: 'invalid-argument', rule: 'resource-name', message: 'the submission is of another task', field: 'submission' });
    const reader = request.validator === '' ? { service: identity.service } : { wallet: canonicalWallet(request.validator, 'validator') };
    const { scoringId, round } = request;
    return unwrap(await this.grants.grant({ scoringId, taskId, round, submissionId: submission.submissionId, reader, expiresAtMs: Number(request.expiresAtMs) }));
  }
}
