import { Inject, Injectable } from '@nestjs/common';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { PositionChanged } from '@skein/contracts/staking';
import { isUuid } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { FederationDesk } from '../application/federation-desk.js';

/** Closes the case of a slash once a final block has it. */
@Injectable()
export class SlashesConsumer {
  readonly #desk: FederationDesk;
  constructor(@Inject(FederationDesk) desk: FederationDesk) {
    this.#desk = desk;
  }

  readonly handler: MessageHandler<typeof PositionChangedSchema> = {
    topic: 'staking.position.v1',
    type: 'skein.staking.position.changed.v1',
    schema: PositionChangedSchema,
    handle: (message, delivery) => this.handle(message, delivery),
  };

  /** Told again it changes nothing: the case is not open any more. */
  async handle({ cause }: PositionChanged, delivery: Delivery): Promise<void> {
    if (cause?.kind !== 'federation-slashed') return;
    const { caseId } = cause;
    const taskId = cause.task.replace(/^tasks\//, '');
    if (isUuid(taskId)) await this.#desk.give(taskId, { metadata: delivery.metadata('service:fl-aggregator') }, () => ({ kind: 'finalise-slash', caseId }));
  }
}
