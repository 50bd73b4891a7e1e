import { Inject, Injectable } from '@nestjs/common';
import { type VerdictAgreed, VerdictAgreedSchema, type VerdictFailed, VerdictFailedSchema } from '@skein/contracts/validation';
import type { EventStore } from '@skein/events';
import { unwrap } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { EVENT_STORE } from '@skein/platform';
import { EpochCommands } from '../../application/epoch-commands.js';
import { parseSubmissionName } from '../../application/names.js';
import type { Verdict } from '../../domain/epoch/epoch.commands.js';
import { type FinalCommand, finalDecider, finalStream } from '../../domain/final/final.decider.js';

const TOPIC = 'validation.verdict.v1';

const agreed = (message: VerdictAgreed, submissionId: string): Verdict => ({
  submissionId,
  outcome: 'counted',
  rule: '',
  scoreNano: message.agreedScoreNano,
  // Without delegation pools a validator's share without its own delegation is its share.
  shares: message.scores.map(({ validator, shareE18 }) => ({ wallet: validator, share: BigInt(shareE18), shareAlone: BigInt(shareE18) })),
});

const failed = (message: VerdictFailed, submissionId: string): Verdict => ({
  submissionId,
  outcome: message.modelAtFault ? 'failed' : 'uncounted',
  rule: message.rule,
  scoreNano: 0n,
  shares: [],
});

/** Takes over what the validators found out. The verdict that would decide a reward while payouts have to wait is refused by its append. */
@Injectable()
export class VerdictsConsumer {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(EpochCommands) private readonly epochs: EpochCommands,
  ) {}

  readonly agreed: MessageHandler<typeof VerdictAgreedSchema> = {
    topic: TOPIC,
    type: 'skein.validation.verdict.agreed.v1',
    schema: VerdictAgreedSchema,
    handle: (message, delivery) => this.take(message, agreed, delivery),
  };

  readonly failed: MessageHandler<typeof VerdictFailedSchema> = {
    topic: TOPIC,
    type: 'skein.validation.verdict.failed.v1',
    schema: VerdictFailedSchema,
    handle: (message, delivery) => this.take(message, failed, delivery),
  };

  private async take<M extends VerdictAgreed | VerdictFailed>(message: M, read: (message: M, submissionId: string) => Verdict, delivery: Delivery): Promise<void> {
    const { taskId, submissionId } = parseSubmissionName(message.submission, 'submission');
    const verdict = read(message, submissionId);
    const origin = { metadata: delivery.metadata('service:arena'), inbox: delivery.inbox };
    if (message.purpose === 'final') {
      const command = (nowMs: number): FinalCommand => ({ kind: 'record-verdict', verdict, nowMs });
      unwrap(await this.store.execute({ decider: finalDecider, streamId: finalStream(taskId), command, ...origin }));
    } else unwrap(await this.epochs.recordVerdict(taskId, message.round, verdict, origin));
  }
}
