import { Inject, Injectable } from '@nestjs/common';
import { type PositionChanged, PositionChangedSchema } from '@skein/contracts/staking';
import { isUuid, unwrap } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { TaskCommands } from '../../application/task-commands.js';
import { type CopiedStake, StakeCopy } from '../../infrastructure/stake-copy.js';
import { heardIn, slashHeard } from './heard-in.js';

const idOf = (name: string): string => name.replace(/^tasks\//, '');

/** Nodes' and validators' stakes of a position. Stakes on federated tasks carry another role. */
function stakesOf({ stakes }: PositionChanged): CopiedStake[] {
  return stakes.flatMap(({ task, role, units }) =>
    (role === 'node' || role === 'validator') && isUuid(idOf(task)) && BigInt(units) > 0n ? [{ taskId: idOf(task), role, ownUnits: BigInt(units) }] : [],
  );
}

/** Keeps the local copy of finalised stakes and asks whether the tasks concerned may start. */
@Injectable()
export class StakesConsumer {
  constructor(
    @Inject(StakeCopy) private readonly copy: StakeCopy,
    @Inject(TaskCommands) private readonly tasks: TaskCommands,
  ) {}

  readonly handler: MessageHandler<typeof PositionChangedSchema> = {
    topic: 'staking.position.v1',
    type: 'skein.staking.position.changed.v1',
    schema: PositionChangedSchema,
    handle: (message, delivery) => this.handle(message, delivery),
  };

  async handle(message: PositionChanged, delivery: Delivery): Promise<void> {
    const stakes = stakesOf(message);
    const { wallet, version, asOf, cause } = message;
    await this.copy.take(delivery.inbox, { wallet, version, stakes, ...slashHeard(cause) }, heardIn(wallet, asOf));
    // Also for a message seen before: a kill between copy and command must not lose the command, which is harmless to repeat.
    for (const taskId of new Set(stakes.map((stake) => stake.taskId))) {
      const { status } = await this.tasks.state(taskId);
      if (status === 'open') unwrap(await this.tasks.considerStart(taskId, false, { metadata: delivery.metadata('service:arena') }));
    }
  }
}
