import { Inject, Injectable } from '@nestjs/common';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { PositionChanged } from '@skein/contracts/staking';
import { isUuid } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { FederationDesk } from '../application/federation-desk.js';
import { StakeCopy } from '../infrastructure/stake-copy.js';

/** Takes finalised stakes over, and closes the case of a slash that they have. */
@Injectable()
export class StakesConsumer {
  readonly #copy: StakeCopy;
  readonly #desk: FederationDesk;
  constructor(@Inject(StakeCopy) copy: StakeCopy, @Inject(FederationDesk) desk: FederationDesk) {
    this.#copy = copy;
    this.#desk = desk;
  }

  readonly handler: MessageHandler<typeof PositionChangedSchema> = {
    topic: 'staking.position.v1',
    type: 'skein.staking.position.changed.v1',
    schema: PositionChangedSchema,
    handle: (message, delivery) => this.handle(message, delivery),
  };

  /**
   * The copy first: closed before, a slash would be missing from the stake for a moment. Told again it changes nothing, and after a kill
   * in between the case is closed then: until then the copy itself says that it has the slash.
   */
  async handle(message: PositionChanged, delivery: Delivery): Promise<void> {
    await this.#copy.take(delivery.inbox, message);
    const { cause } = message;
    if (cause?.kind !== 'federation-slashed') return;
    const { caseId } = cause;
    const taskId = cause.task.replace(/^tasks\//, '');
    if (isUuid(taskId)) await this.#desk.give(taskId, { metadata: delivery.metadata('service:fl-aggregator') }, () => ({ kind: 'finalise-slash', caseId }));
  }
}
