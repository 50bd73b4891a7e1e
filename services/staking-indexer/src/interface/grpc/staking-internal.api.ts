import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { StakingInternalService, type RequestTransactionRequest, type RequestTransactionResponseSchema } from '@skein/contracts/staking/internal';
import { RejectionError, unwrap } from '@skein/kernel';
import { Rpc, type CallContext } from '@skein/platform';
import { OUTBOX, type Outbox } from '../../application/outbox/tokens.js';
import type { Intent, IntentKind } from '../../domain/outbox/intent.js';
import { intentFrom } from './intent.mapper.js';
import { outboxOr } from './outbox.api.js';

const FEDERATION: readonly IntentKind[] = ['create-federation', 'open-round', 'settle-round', 'finish-federation'];

/** The aggregator decides about federated tasks, the arena about everything else. */
function mayAsk(service: string, { kind }: Intent): boolean {
  return service === (FEDERATION.includes(kind) ? 'fl-aggregator' : 'arena');
}

@Injectable()
export class StakingInternalApi {
  constructor(@Inject(OUTBOX) private readonly outbox: Outbox) {}

  @Rpc(StakingInternalService.method.requestTransaction)
  async requestTransaction({ intent: asked }: RequestTransactionRequest, call: CallContext): Promise<MessageInitShape<typeof RequestTransactionResponseSchema>> {
    const intent = intentFrom(asked);
    const { identity } = call;
    if (identity.kind !== 'service' || !mayAsk(identity.service, intent))
      throw new RejectionError({ code: 'permission-denied', rule: 'service-not-allowed', message: `${intent.kind} is not decided by this service` });
    return { intent: unwrap(await outboxOr(this.outbox).desk.accept(intent, { metadata: call.metadata() })) };
  }
}
