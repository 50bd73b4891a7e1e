import { Inject, Injectable } from '@nestjs/common';
import type { CommandKey, EventMetadata, EventStore, Executed, InboxEntry, Recorded } from '@skein/events';
import type { Rejection, Result } from '@skein/kernel';
import { EVENT_STORE } from '@skein/platform';
import type { EvaluationCommand } from '../domain/evaluation/evaluation.commands.js';
import { evaluationDecider } from '../domain/evaluation/evaluation.decider.js';
import type { EvaluationEvent } from '../domain/evaluation/evaluation.events.js';
import type { EvaluationState } from '../domain/evaluation/evaluation.state.js';
import { effectsOf } from './effects.js';

/** Who gives a command, and what makes it happen once. */
export interface Origin {
  readonly metadata: EventMetadata;
  readonly key?: CommandKey;
  readonly inbox?: InboxEntry;
}

type GiveCommand = (nowMs: number, state: EvaluationState) => EvaluationCommand | Promise<EvaluationCommand>;

/** Gives commands to evaluations and reads them: stream `evaluation-<id>`. */
@Injectable()
export class EvaluationDesk {
  readonly #store: EventStore;
  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  give(evaluationId: string, { metadata, key, inbox }: Origin, command: GiveCommand): Promise<Result<Executed<undefined>, Rejection>> {
    return this.#store.execute<EvaluationState, EvaluationCommand, EvaluationEvent>({
      decider: evaluationDecider,
      streamId: `evaluation-${evaluationId}`,
      command,
      metadata,
      ...(key === undefined ? {} : { key }),
      ...(inbox === undefined ? {} : { inbox }),
      effects: (events: Recorded<EvaluationEvent>[], state) => effectsOf(events, state),
    });
  }

  async state(evaluationId: string): Promise<EvaluationState> {
    return (await this.#store.state(evaluationDecider, `evaluation-${evaluationId}`)).state;
  }
}
