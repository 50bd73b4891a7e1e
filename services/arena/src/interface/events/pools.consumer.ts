import { Inject, Injectable } from '@nestjs/common';
import { type PoolChanged, PoolChangedSchema, type SigmaChanged, SigmaChangedSchema } from '@skein/contracts/staking';
import { type Delivery, type MessageHandler, onMessage } from '@skein/messaging';
import { PoolCopy } from '../../infrastructure/pool-copy.js';
import { heardIn, slashHeard } from './heard-in.js';

const TOPIC = 'staking.position.v1';

/** Keeps the local copy of what delegators lend. Tasks are not asked whether they may start: who takes part is decided by own stakes. */
@Injectable()
export class PoolsConsumer {
  constructor(@Inject(PoolCopy) private readonly copy: PoolCopy) {}

  readonly handlers: readonly MessageHandler[] = [
    onMessage({ topic: TOPIC, type: 'skein.staking.pool.changed.v1', schema: PoolChangedSchema, handle: (message, delivery) => this.takePool(message, delivery) }),
    onMessage({ topic: TOPIC, type: 'skein.staking.sigma.changed.v1', schema: SigmaChangedSchema, handle: (message, delivery) => this.takeSigma(message, delivery) }),
  ];

  async takePool({ pool, owner, version, asOf, countedShares, principalIndex, closed, waiting, cause }: PoolChanged, { inbox }: Delivery): Promise<void> {
    // Told before shares were: the same pool is published once more with them.
    if (countedShares === '') return;
    const waits = waiting.map(({ epoch, sharesIn, sharesOut }) => ({ epoch: Number(epoch), sharesIn: BigInt(sharesIn), sharesOut: BigInt(sharesOut) }));
    await this.copy.takePool(inbox, heardIn(owner, asOf), { pool, owner, version, countedShares: BigInt(countedShares), principalIndex: BigInt(principalIndex), closed, waiting: waits, ...slashHeard(cause) });
  }

  async takeSigma({ owner, version, asOf, sigmaPpm }: SigmaChanged, { inbox }: Delivery): Promise<void> {
    await this.copy.takeSigma(inbox, heardIn(owner, asOf), { owner, version, sigmaPpm });
  }
}
