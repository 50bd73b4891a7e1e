import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import type { EventStore } from '@skein/events';
import { type Rejection, type Result, ok, reject } from '@skein/kernel';
import { ARTIFACTS, EVENT_STORE } from '@skein/platform';
import { epochDecider, epochStream } from '../domain/epoch/epoch.decider.js';
import type { ScoringSubmission } from '../domain/epoch/epoch.events.js';
import { scoringIdOf } from '../domain/epoch/judge.policy.js';
import { finalDecider, finalStream } from '../domain/final/final.decider.js';
import { rotatingSetOf, type TaskPolicy } from '../domain/task/task.policy.js';
import type { Participant } from '../domain/task/participants.policy.js';
import { taskDecider, taskStream } from '../domain/task/task.decider.js';

export interface EvaluationAccess {
  readonly scoringId: string;
  readonly taskId: string;
  readonly round: number;
  readonly submissionId: string;
  /** Wallet of an external validator, or the service that evaluates for managed ones. */
  readonly reader: { readonly wallet: string } | { readonly service: string };
  readonly expiresAtMs: number;
}

interface Scoring {
  readonly submissions: readonly ScoringSubmission[];
  readonly participants: readonly Participant[];
  readonly policy: TaskPolicy;
  readonly dataSetSha256: string;
}

const PURPOSE = 'evaluation';

/** Lets an assigned validator read one model and the hidden set of its round, while that scoring runs. */
@Injectable()
export class EvaluationGrants {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
  ) {}

  async grant(access: EvaluationAccess): Promise<Result<{ artifactSha256: string; dataSetSha256: string }, Rejection>> {
    const { taskId, round, submissionId, reader, expiresAtMs } = access;
    const scoring = await this.running(taskId, round);
    if (!scoring || access.scoringId !== scoringIdOf(taskId, round)) return reject('failed-precondition', 'scoring-not-running', 'this scoring does not run', 'scoring_id');
    const submission = scoring.submissions.find((one) => one.submissionId === submissionId);
    if (!submission) return reject('not-found', 'submission-not-found', 'this submission is not being scored', 'submission');
    if ('wallet' in reader && !scoring.participants.some(({ wallet, role }) => wallet === reader.wallet && role === 'validator'))
      return reject('permission-denied', 'not-a-staked-validator', 'only validators of the task read its hidden sets', 'validator');
    const principal = 'wallet' in reader ? reader.wallet : `service:${reader.service}`;
    const { creator } = (await this.store.state(taskDecider, taskStream(taskId))).state;
    const wanted = [
      { sha256: submission.artifactSha256, grantedBy: submission.owner },
      { sha256: scoring.dataSetSha256, grantedBy: creator },
    ];
    for (const { sha256, grantedBy } of wanted) {
      const granted = await this.artifacts.grant({ sha256, reader: principal, purpose: `${PURPOSE}/${submissionId}/${round}`, grantedBy, expiresAtMs });
      if (!granted.ok) return granted;
    }
    return ok({ artifactSha256: submission.artifactSha256, dataSetSha256: scoring.dataSetSha256 });
  }

  private async running(taskId: string, round: number): Promise<Scoring | undefined> {
    const { state: epoch } = await this.store.state(epochDecider, epochStream(taskId, round));
    if (epoch.phase === 'scoring') {
      const { policy, participants } = epoch.opened!;
      return { submissions: epoch.requested, participants, policy, dataSetSha256: rotatingSetOf(policy, round).sha256 };
    }
    const { state: final } = await this.store.state(finalDecider, finalStream(taskId));
    return final.phase === 'scoring' && final.requested!.round === round ? final.requested : undefined;
  }
}
