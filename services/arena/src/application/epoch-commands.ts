import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import type { Effect, EventStore, Executed, Recorded } from '@skein/events';
import { type Rejection, type Result, ok, reject, uuidV8From } from '@skein/kernel';
import { ARTIFACTS, EVENT_STORE } from '@skein/platform';
import type { Admission, EpochCommand, Verdict } from '../domain/epoch/epoch.commands.js';
import { epochDecider, epochStream, quotaLeft } from '../domain/epoch/epoch.decider.js';
import type { EpochEvent } from '../domain/epoch/epoch.events.js';
import type { EpochState } from '../domain/epoch/epoch.state.js';
import type { KnownArtifact } from '../domain/submission/copy.policy.js';
import { participantsOf } from '../domain/task/participants.policy.js';
import { taskDecider, taskStream } from '../domain/task/task.decider.js';
import { SERVICE_PRINCIPAL } from './data-sets.js';
import { arrivalsOf, meeting } from './epoch-links.js';
import { STAKES, type StakeReader } from './ports.js';
import type { Origin } from './task-commands.js';
import { TIMER, cancelEpochTimer, causedBy, epochTimer } from './timers.js';

export const ADMISSION_JOB = 'arena.admission';
export const SUBMISSION_DATA = 'submission';

type Outcome<A = undefined> = Promise<Result<Executed<A>, Rejection>>;
type Body<K extends EpochCommand['kind']> = Omit<Extract<EpochCommand, { kind: K }>, 'nowMs' | 'stakes' | 'known'>;
type AnyBody = { [K in EpochCommand['kind']]: Body<K> }[EpochCommand['kind']];

/** Timers of the windows, and the admission of revealed bytes as a job, in the transaction of the events that need them. */
function epochEffects(events: readonly Recorded<EpochEvent>[]): Effect[] {
  return events.flatMap((event): Effect[] => {
    const { taskId, epoch } = event.data;
    switch (event.type) {
      case 'skein.arena.epoch.opened.v1':
        return [epochTimer(TIMER.commitsDue, taskId, epoch, event.data.commitDueAtMs, event)];
      case 'skein.arena.epoch.commits-closed.v1':
        return [cancelEpochTimer(TIMER.commitsDue, taskId, epoch), epochTimer(TIMER.revealsDue, taskId, epoch, event.data.revealDueAtMs, event)];
      case 'skein.arena.epoch.window-extended.v1':
        return [epochTimer(event.data.window === 'commit' ? TIMER.commitsDue : TIMER.revealsDue, taskId, epoch, event.data.dueAtMs, event)];
      case 'skein.arena.epoch.reveals-closed.v1':
        return [cancelEpochTimer(TIMER.revealsDue, taskId, epoch)];
      case 'skein.arena.epoch.cancelled.v1':
        return [cancelEpochTimer(TIMER.commitsDue, taskId, epoch), cancelEpochTimer(TIMER.revealsDue, taskId, epoch)];
      case 'skein.arena.submission.revealed.v1': {
        const { submissionId, artifactSha256, owner } = event.data;
        // Whoever submits much waits for its own turns.
        const payload = { ...causedBy(taskId, epoch, event), submissionId, artifactSha256, tenant: owner };
        return [{ job: { id: `${ADMISSION_JOB}/${submissionId}`, kind: ADMISSION_JOB, payload } }];
      }
      default:
        return [];
    }
  });
}

export interface CommitAnswer {
  readonly submissionId: string;
  readonly epoch: number;
  readonly order: number;
  readonly quotaLeft: number;
  readonly commitDueAtMs: number;
}

/** Commands on the stream of one epoch. */
@Injectable()
export class EpochCommands {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
    @Inject(STAKES) private readonly stakes: StakeReader,
  ) {}

  /**
   * The epoch that runs, ran last, or will run first. Whether it still takes the command is for its own stream to say, which
   * first looks for the answer that a repeated call has been given already.
   */
  private async epochOf(taskId: string, field: string): Promise<Result<number, Rejection>> {
    const { state } = await this.store.state(taskDecider, taskStream(taskId));
    return state.status === 'none' ? reject('not-found', 'task-not-found', 'there is no such task', field) : ok(Math.max(1, state.epoch));
  }

  async commit(taskId: string, owner: string, commit: string, epoch: number, origin: Origin): Outcome<CommitAnswer> {
    const running = await this.epochOf(taskId, 'task');
    if (!running.ok) return running;
    const submissionId = uuidV8From('skein/submission/v1', taskId, running.value, owner, commit);
    return this.run(taskId, running.value, { kind: 'commit', submissionId, owner, commit, epoch: epoch || running.value }, origin, (state) => ({
      submissionId,
      epoch: running.value,
      order: state.submissions.find((one) => one.submissionId === submissionId)!.order,
      quotaLeft: quotaLeft(state, owner),
      commitDueAtMs: state.commitDueAtMs,
    }));
  }

  async markDone(taskId: string, wallet: string, epoch: number, origin: Origin): Outcome<{ epoch: number }> {
    const running = await this.epochOf(taskId, 'task');
    if (!running.ok) return running;
    return this.run(taskId, running.value, { kind: 'mark-done', wallet, epoch: epoch || running.value }, origin, () => ({ epoch: running.value }));
  }

  async reveal(taskId: string, submissionId: string, owner: string, artifactSha256: string, salt: string, origin: Origin): Outcome<{ status: string }> {
    const running = await this.epochOf(taskId, 'name');
    if (!running.ok) return running;
    const seen = await this.artifacts.stat(artifactSha256, owner);
    if (!seen.ok) return reject('failed-precondition', 'artifact-not-found', 'upload the artifact before the reveal', 'artifact_sha256');
    const granted = await this.artifacts.grant({ sha256: artifactSha256, reader: SERVICE_PRINCIPAL, purpose: SUBMISSION_DATA, grantedBy: owner });
    if (!granted.ok) return reject('failed-precondition', 'artifact-not-found', 'upload the artifact before the reveal', 'artifact_sha256');
    return this.run(taskId, running.value, { kind: 'reveal', submissionId, owner, artifactSha256, salt }, origin, () => ({ status: 'revealed' }));
  }

  recordAdmission(taskId: string, epoch: number, submissionId: string, admission: Admission, origin: Origin): Outcome {
    return this.run(taskId, epoch, { kind: 'record-admission', submissionId, admission }, origin);
  }

  recordVerdict(taskId: string, epoch: number, verdict: Verdict, origin: Origin): Outcome {
    return this.run(taskId, epoch, { kind: 'record-verdict', verdict }, origin);
  }

  run<A = undefined>(taskId: string, epoch: number, body: AnyBody, origin: Origin, answer?: (state: EpochState) => A): Outcome<A> {
    return this.store.execute({
      decider: epochDecider,
      streamId: epochStream(taskId, epoch),
      command: async (nowMs, state): Promise<EpochCommand> => ({ ...body, nowMs, ...(await this.stakesNow(taskId, state)), known: await this.knownArtifacts(taskId, body, state) }) as EpochCommand,
      ...origin,
      effects: epochEffects,
      links: (events) => this.links(epochStream(taskId, epoch), meeting(events)),
      ...(answer ? { answer } : {}),
    });
  }

  /** Contexts in which these submissions came, in whichever of the task's epochs. */
  async arrivals(taskId: string, epochs: number, submissions: ReadonlySet<string>): Promise<string[]> {
    const histories = await Promise.all(Array.from({ length: epochs }, (_, index) => this.store.readStream(epochStream(taskId, index + 1))));
    return arrivalsOf(histories.flat(), submissions);
  }

  private links(streamId: string, submissions: ReadonlySet<string>): Promise<string[]> | undefined {
    return submissions.size === 0 ? undefined : this.store.readStream(streamId).then((history) => arrivalsOf(history, submissions));
  }

  async state(taskId: string, epoch: number): Promise<EpochState> {
    return (await this.store.state(epochDecider, epochStream(taskId, epoch))).state;
  }

  /** Reveals of earlier epochs with the bytes of this one, from those epochs' own streams, where the command may lead to judgement. */
  private async knownArtifacts(taskId: string, { kind }: AnyBody, state: EpochState): Promise<KnownArtifact[]> {
    const mayJudge = (kind === 'record-admission' && state.revealsClosed) || kind === 'close-reveals';
    if (!mayJudge || state.submissions.filter(({ status }) => status === 'revealed').length > 1) return [];
    const wanted = new Set(state.submissions.map(({ artifactSha256 }) => artifactSha256));
    const known: KnownArtifact[] = [];
    for (let epoch = 1; epoch < state.opened!.epoch; epoch++)
      for (const { artifactSha256, owner } of (await this.state(taskId, epoch)).submissions)
        if (artifactSha256 !== '' && wanted.has(artifactSha256)) known.push({ sha256: artifactSha256, owner });
    return known;
  }

  private async stakesNow(taskId: string, state: EpochState): Promise<Pick<EpochCommand, 'stakes' | 'stakeBlock'>> {
    if (!state.opened) return { stakes: [] };
    const { positions, ...asOf } = await this.stakes.stakesOf(taskId);
    return { stakes: participantsOf(positions, state.opened.policy.rules), ...asOf };
  }
}
