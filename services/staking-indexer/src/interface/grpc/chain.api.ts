import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import type { AddressBook } from '@skein/contracts-evm';
import {
  ChainService,
  type PayoutStateSchema,
  type ResumeChainRequest,
  type ResumeChainResponseSchema,
  type ThawPayoutsRequest,
  type ThawPayoutsResponseSchema,
} from '@skein/contracts/staking';
import type { EventStore, Executed } from '@skein/events';
import { unwrap, type Rejection, type Result } from '@skein/kernel';
import { EVENT_STORE, Rpc, type CallContext } from '@skein/platform';
import { PayoutGuard } from '../../application/payout-guard.js';
import { ADDRESS_BOOK } from '../../application/tokens.js';
import { chainDecider } from '../../domain/chain/chain.decider.js';
import { chainStreamId } from '../../domain/chain/chain.events.js';
import { reconciliationDecider } from '../../domain/reconciliation/reconciliation.decider.js';
import { reconciliationStreamId } from '../../domain/reconciliation/reconciliation.events.js';

/** What an operator does when the chain or the books about it cannot be believed. */
@Injectable()
export class ChainApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ADDRESS_BOOK) private readonly book: AddressBook,
    @Inject(PayoutGuard) private readonly guard: PayoutGuard,
  ) {}

  @Rpc(ChainService.method.getPayoutState)
  async getPayoutState(): Promise<MessageInitShape<typeof PayoutStateSchema>> {
    const { frozen, passed } = await this.guard.state();
    const { skipped } = this.guard.seen;
    return {
      frozen: frozen !== undefined,
      skipped: skipped ?? '',
      ...(passed && {
        reconciled: { number: BigInt(passed.asOf.number), hash: passed.asOf.hash },
        holdsUntilMs: BigInt(passed.checkedAtMs + passed.holdsForMs),
      }),
      ...(frozen && {
        rule: frozen.rule,
        reason: frozen.reason,
        asOf: { number: BigInt(frozen.asOf.number), hash: frozen.asOf.hash },
        differences: frozen.differences.map(({ total, readModel, contract }) => ({ total, readModelUnits: readModel.toString(), contractUnits: contract.toString() })),
      }),
    };
  }

  @Rpc(ChainService.method.thawPayouts)
  async thawPayouts({ reason }: ThawPayoutsRequest, call: CallContext): Promise<MessageInitShape<typeof ThawPayoutsResponseSchema>> {
    const { chainId } = this.book;
    const { metadata, key } = { metadata: call.metadata(), key: call.key('staking.thaw') };
    const command = (nowMs: number) => ({ kind: 'thaw', chainId, reason, actor: metadata.actor, nowMs }) as const;
    return this.#receipt(await this.store.execute({ decider: reconciliationDecider, streamId: reconciliationStreamId(chainId), command, metadata, key }));
  }

  @Rpc(ChainService.method.resumeChain)
  async resumeChain({ reason }: ResumeChainRequest, call: CallContext): Promise<MessageInitShape<typeof ResumeChainResponseSchema>> {
    const { metadata, key } = { metadata: call.metadata(), key: call.key('staking.resume') };
    const command = () => ({ kind: 'resume', reason, actor: metadata.actor }) as const;
    return this.#receipt(await this.store.execute({ decider: chainDecider, streamId: chainStreamId(this.book.chainId), command, metadata, key }));
  }

  async #receipt(done: Result<Executed<undefined>, Rejection>): Promise<{ receipt: { streamId: string; version: bigint; position: bigint } }> {
    const { streamId, version } = unwrap(done);
    return { receipt: { streamId, version: BigInt(version), position: await this.store.positionOf(streamId, version) } };
  }
}
