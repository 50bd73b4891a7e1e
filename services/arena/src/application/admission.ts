import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import { type Job, isRetriable } from '@skein/events';
import { RejectionError, unwrap } from '@skein/kernel';
import { type ElementType, admit } from '@skein/models';
import { ARTIFACTS } from '@skein/platform';
import type { Admission } from '../domain/epoch/epoch.commands.js';
import type { TaskPolicy, TensorShape } from '../domain/task/task.policy.js';
import { SERVICE_PRINCIPAL } from './data-sets.js';
import { EpochCommands } from './epoch-commands.js';
import { type CausedBy, metadataOf, timerPayload } from './timers.js';

interface AdmissionJob extends CausedBy {
  readonly submissionId: string;
  readonly artifactSha256: string;
}

/**
 * A failure of ours that does not say that it passes by itself is met so often (most of a minute, by the job's back-off) before
 * the epoch may be asked whether it is final: the epoch's time may have run out while nothing of the platform was there.
 */
export const ADMISSION_ATTEMPTS_MIN = 9;

/** The platform could not read a submission that can still be admitted. */
class UnreadableYet extends Error {
  readonly retriable = true;
}

const tensor = ({ name, elementType, shape }: TensorShape) => ({ name, elementType: elementType as ElementType, shape });

const FAULT: Admission = { admitted: false, rule: 'platform-fault', message: 'the platform could not read the artifact; the quota comes back', platformFault: true };

/** Judges bytes as a model of the task; pure but for the reading. */
export function judgeModel(bytes: Uint8Array, policy: TaskPolicy): Admission {
  const { bytesMax, parametersMax, opsetMin, opsetMax } = policy.limits;
  const named = policy.input.name !== '' && policy.output.name !== '';
  const judged = admit(bytes, { input: tensor(policy.input), output: tensor(policy.output), named }, { bytesMax, parametersMax, opsetMin, opsetMax });
  if (!judged.ok) return { admitted: false, rule: judged.error.rule, message: judged.error.message, platformFault: false };
  return { admitted: true, parameters: judged.value.parameters, opset: judged.value.opset };
}

/** The job that admits or refuses revealed bytes; its result is a command with the submission's id as key. */
@Injectable()
export class AdmissionHandler {
  constructor(
    @Inject(ARTIFACTS) private readonly artifacts: ArtifactStore,
    @Inject(EpochCommands) private readonly epochs: EpochCommands,
  ) {}

  async handle(job: Pick<Job, 'payload' | 'attempts'>): Promise<void> {
    const work = timerPayload<AdmissionJob>(job.payload);
    const { opened, phase } = await this.epochs.state(work.taskId, work.epoch);
    if (opened === undefined || phase !== 'revealing') return;
    let fault: unknown;
    const admission = await this.judge(work.artifactSha256, opened.policy).catch((error: unknown) => {
      if (isRetriable(error) || job.attempts < ADMISSION_ATTEMPTS_MIN) throw error;
      fault = error;
      return FAULT;
    });
    const origin = { metadata: metadataOf(work), inbox: { consumer: 'admission', messageId: work.submissionId } };
    const recorded = await this.epochs.recordAdmission(work.taskId, work.epoch, work.submissionId, admission, origin);
    if (recorded.ok) return;
    if (fault !== undefined && recorded.error.rule === 'admission-open') throw new UnreadableYet(recorded.error.message, { cause: fault });
    throw new RejectionError(recorded.error);
  }

  private async judge(artifactSha256: string, policy: TaskPolicy): Promise<Admission> {
    const { bytesMax } = policy.limits;
    const asked = await this.artifacts.open(artifactSha256, SERVICE_PRINCIPAL);
    // It was there and granted when it was revealed: only its owner can have taken it back, and the others need not wait for that.
    if (!asked.ok && asked.error.code === 'not-found') return { admitted: false, rule: 'artifact-withdrawn', message: 'its owner took the artifact back before it was judged', platformFault: false };
    const found = unwrap(asked);
    if (found.sizeBytes > bytesMax) return { admitted: false, rule: 'size', message: `a model has at most ${bytesMax} bytes`, platformFault: false };
    return judgeModel(await found.bytes(), policy);
  }
}
