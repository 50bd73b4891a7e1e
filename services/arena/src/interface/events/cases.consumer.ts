import { Inject, Injectable } from '@nestjs/common';
import { type CaseChanged, CaseChangedSchema } from '@skein/contracts/staking';
import { unwrap } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { CaseCommands } from '../../application/case-commands.js';

const unitsOf = (text: string): bigint => (text === '' ? 0n : BigInt(text));

/** Ends cases as final blocks end them. */
@Injectable()
export class CasesConsumer {
  constructor(@Inject(CaseCommands) private readonly cases: CaseCommands) {}

  readonly handler: MessageHandler<typeof CaseChangedSchema> = {
    topic: 'staking.position.v1',
    type: 'skein.staking.case.changed.v1',
    schema: CaseChangedSchema,
    handle: (message, delivery) => this.handle(message, delivery),
  };

  async handle(message: CaseChanged, delivery: Delivery): Promise<void> {
    const { caseId, status, asOf, fromOwnerUnits, fromPoolUnits, toReporterUnits } = message;
    if (status !== 'slashed' && status !== 'dismissed') return;
    const taken = { fromOwnerUnits: unitsOf(fromOwnerUnits), fromPoolUnits: unitsOf(fromPoolUnits), toReporterUnits: unitsOf(toReporterUnits) };
    const outcome = { outcome: status, ...taken, blockNumber: Number(asOf?.number ?? 0n) } as const;
    unwrap(await this.cases.run(caseId, () => ({ kind: 'finalise', outcome }), { metadata: delivery.metadata('service:arena'), inbox: delivery.inbox }));
  }
}
