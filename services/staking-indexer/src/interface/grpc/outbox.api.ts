import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  OutboxService, type ChainIntentSchema, type ListGrantsRequest, type ListGrantsResponseSchema, type ListIntentsRequest, type ListIntentsResponseSchema, type OutboxSchema, type WithdrawIntentRequest,
} from '@skein/contracts/staking';
import { parseWallet, RejectionError, unwrap } from '@skein/kernel';
import { Rpc, type CallContext } from '@skein/platform';
import type { Claims } from '../../application/outbox/claims.js';
import { CLAIMS, OUTBOX, OUTBOX_QUERIES, type Outbox } from '../../application/outbox/tokens.js';
import type { IntentRow, OutboxQueries } from '../../projections/outbox.queries.js';

const PAGE = 100;

const intentOf = ({ id, position: _position, txHash, ...row }: IntentRow): MessageInitShape<typeof ChainIntentSchema> => ({ intent: id, txHash, ...row });

/** The outbox, or the refusal that there is none. */
export function outboxOr(outbox: Outbox): NonNullable<Outbox> {
  if (outbox !== undefined) return outbox;
  throw new RejectionError({ code: 'unavailable', rule: 'no-signer', message: 'no signer is configured: nothing is sent to the chain' });
}

function positionOf(token: string): bigint {
  if (/^\d{1,18}$/.test(token)) return BigInt(token);
  throw new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'this is no page token of ours', field: 'page_token' });
}

/** What is on its way to the chain, for the operator. */
@Injectable()
export class OutboxApi {
  constructor(
    @Inject(OUTBOX) private readonly outbox: Outbox,
    @Inject(OUTBOX_QUERIES) private readonly queries: OutboxQueries,
    @Inject(CLAIMS) private readonly claims: Claims,
  ) {}

  @Rpc(OutboxService.method.listIntents)
  async listIntents({ status, pageSize, pageToken, intent }: ListIntentsRequest): Promise<MessageInitShape<typeof ListIntentsResponseSchema>> {
    if (intent !== '') return { intents: (await this.queries.intent(intent)).map(intentOf) };
    const limit = pageSize === 0 ? PAGE : pageSize;
    const rows = await this.queries.intents({ status, limit: limit + 1, ...(pageToken === '' ? {} : { before: positionOf(pageToken) }) });
    const page = rows.slice(0, limit);
    return { intents: page.map(intentOf), nextPageToken: rows.length > limit ? page.at(-1)!.position.toString() : '' };
  }

  @Rpc(OutboxService.method.getOutbox)
  async getOutbox(): Promise<MessageInitShape<typeof OutboxSchema>> {
    const { signer, nextNonce, open, frozen } = await outboxOr(this.outbox).store.state();
    return {
      signer,
      nextNonce: BigInt(nextNonce),
      pending: open.length,
      parked: open.filter(({ parked, flight }) => parked !== undefined && flight === undefined).length,
      frozenRule: frozen?.rule ?? '',
      frozenReason: frozen?.message ?? '',
    };
  }

  @Rpc(OutboxService.method.thawOutbox)
  async thawOutbox(): Promise<MessageInitShape<typeof OutboxSchema>> {
    unwrap(await outboxOr(this.outbox).run.thaw());
    return this.getOutbox();
  }

  @Rpc(OutboxService.method.withdrawIntent)
  async withdrawIntent({ intent, reason }: WithdrawIntentRequest, call: CallContext): Promise<MessageInitShape<typeof OutboxSchema>> {
    unwrap(await outboxOr(this.outbox).desk.withdraw(intent, reason, call.metadata()));
    return this.getOutbox();
  }

  @Rpc(OutboxService.method.listGrants)
  async listGrants({ wallet }: ListGrantsRequest): Promise<MessageInitShape<typeof ListGrantsResponseSchema>> {
    const { root, claims } = await this.claims.of(parseWallet(wallet).address);
    return {
      epoch: root?.epoch ?? 0n,
      root: root?.root ?? '',
      grants: claims.map(({ taskId, grant: { account, stream, total, start, duration }, proof }) => ({
        account, stream, task: taskId === '' ? '' : `tasks/${taskId}`, totalUnits: total.toString(), startSeconds: start, durationSeconds: duration, proof: [...proof],
      })),
    };
  }
}
