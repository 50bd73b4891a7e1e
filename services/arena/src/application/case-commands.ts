import { Inject, Injectable } from '@nestjs/common';
import type { Effect, EventStore, Executed, Recorded } from '@skein/events';
import { type Rejection, type Result, arenaCaseId } from '@skein/kernel';
import { EVENT_STORE } from '@skein/platform';
import type { CaseCommand } from '../domain/case/case.commands.js';
import { type CaseState, caseDecider, caseStream } from '../domain/case/case.decider.js';
import type { CaseEvent, CaseFacts } from '../domain/case/case.events.js';
import { STAKES, type StakeReader } from './ports.js';
import { type Origin, TaskCommands } from './task-commands.js';
import { caseTimer, cancelCaseTimer } from './timers.js';

/** The notice that an accusation led to. */
export interface Notice {
  readonly caseId: string;
  readonly capUnits: bigint;
  readonly appealDueAtMs: number;
}

/** The time to appeal ends by a timer, set and taken away with the events. */
function caseEffects(events: readonly Recorded<CaseEvent>[], { facts }: CaseState): Effect[] {
  return events.flatMap((event): Effect[] => {
    if (event.type === 'skein.arena.case.opened.v1') return [caseTimer(event.data, event.data.appealDueAtMs, event)];
    return event.type === 'skein.arena.case.appealed.v1' || event.type === 'skein.arena.case.dismissed.v1' ? [cancelCaseTimer(facts.caseId)] : [];
  });
}

/** Commands on a case's stream. */
@Injectable()
export class CaseCommands {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(TaskCommands) private readonly tasks: TaskCommands,
    @Inject(STAKES) private readonly stakes: StakeReader,
  ) {}

  /** Its id follows from the accusation, so that an accusation is one case however often it is made. */
  async open(accusation: Omit<CaseFacts, 'caseId'>, origin: Origin): Promise<Result<Executed<Notice>, Rejection>> {
    const facts: CaseFacts = { ...accusation, caseId: arenaCaseId(accusation) };
    const { taskId, role, wallet, caseId } = facts;
    return this.store.execute({
      decider: caseDecider,
      streamId: caseStream(caseId),
      command: async (nowMs): Promise<CaseCommand> => {
        const { policy, policyVersion } = await this.tasks.state(taskId);
        const { positions } = await this.stakes.stakesOf(taskId);
        const staker = positions.find((one) => one.wallet === wallet && one.role === role);
        const task = policy === undefined || policyVersion === 0 ? undefined : { policyVersion, appealSeconds: policy.schedule.challengeSeconds };
        return { kind: 'open', facts, task, staker, nowMs };
      },
      ...origin,
      effects: caseEffects,
      answer: ({ capUnits, appealDueAtMs }) => ({ caseId, capUnits, appealDueAtMs }),
    });
  }

  run(caseId: string, command: (nowMs: number) => CaseCommand, origin: Origin): Promise<Result<Executed<undefined>, Rejection>> {
    return this.store.execute({ decider: caseDecider, streamId: caseStream(caseId), command, ...origin, effects: caseEffects });
  }

  async state(caseId: string): Promise<CaseState> {
    return (await this.store.state(caseDecider, caseStream(caseId))).state;
  }
}
