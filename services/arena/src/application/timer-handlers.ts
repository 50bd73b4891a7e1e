import { Inject, Injectable } from '@nestjs/common';
import type { DueTimer } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { ArenaProcess } from './arena-process.js';
import { CaseCommands } from './case-commands.js';
import { EpochCommands } from './epoch-commands.js';
import { TaskCommands } from './task-commands.js';
import { type CausedBy, TIMER, type TimerKind, metadataOf, timerPayload } from './timers.js';

/** What happens when a deadline passes. Every command looks at the database's clock again, so an early or repeated call changes nothing. */
@Injectable()
export class TimerHandlers {
  constructor(
    @Inject(TaskCommands) private readonly tasks: TaskCommands,
    @Inject(EpochCommands) private readonly epochs: EpochCommands,
    @Inject(ArenaProcess) private readonly process: ArenaProcess,
    @Inject(CaseCommands) private readonly cases: CaseCommands,
  ) {}

  readonly handlers: Record<TimerKind, (timer: DueTimer) => Promise<void>> = {
    [TIMER.stakingDue]: async ({ payload }) => {
      const cause = timerPayload(payload);
      unwrap(await this.tasks.considerStart(cause.taskId, false, { metadata: metadataOf(cause) }));
    },
    [TIMER.epochDue]: async ({ payload }) => {
      const cause = timerPayload(payload);
      const { epoch } = await this.tasks.state(cause.taskId);
      await this.process.openEpoch(cause.taskId, epoch, { metadata: metadataOf(cause) });
    },
    [TIMER.challengeDue]: async ({ payload }) => {
      const cause = timerPayload(payload);
      unwrap(await this.tasks.finish(cause.taskId, { metadata: metadataOf(cause) }));
    },
    [TIMER.commitsDue]: async ({ payload }) => {
      const cause = timerPayload(payload);
      unwrap(await this.epochs.run(cause.taskId, cause.epoch, { kind: 'close-commits' }, { metadata: metadataOf(cause) }));
    },
    [TIMER.revealsDue]: async ({ payload }) => {
      const cause = timerPayload(payload);
      unwrap(await this.epochs.run(cause.taskId, cause.epoch, { kind: 'close-reveals' }, { metadata: metadataOf(cause) }));
    },
    [TIMER.appealDue]: async ({ payload }) => {
      const cause = timerPayload<CausedBy & { readonly caseId: string }>(payload);
      unwrap(await this.cases.run(cause.caseId, (nowMs) => ({ kind: 'close-appeal', nowMs }), { metadata: metadataOf(cause) }));
    },
  };
}
