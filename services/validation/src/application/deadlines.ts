import { Inject, Injectable } from '@nestjs/common';
import type { DueTimer } from '@skein/events';
import { unwrap } from '@skein/kernel';
import type { EvaluationDue } from './effects.js';
import { EvaluationDesk } from './evaluation-desk.js';
import { SELF } from './ports.js';

/** Ends phases whose time is up. The decider judges by the database's clock, so a timer may come early or twice. */
@Injectable()
export class Deadlines {
  readonly #desk: EvaluationDesk;
  constructor(@Inject(EvaluationDesk) desk: EvaluationDesk) {
    this.#desk = desk;
  }

  async due(timer: DueTimer): Promise<void> {
    const { evaluationId, cause } = timer.payload as EvaluationDue;
    unwrap(await this.#desk.give(evaluationId, { metadata: { ...cause, actor: SELF } }, (nowMs) => ({ kind: 'expire', nowMs: Math.max(nowMs, timer.dueAtMs) })));
  }
}
