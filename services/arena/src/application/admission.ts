import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import type { Job } from '@skein/events';
import { assert, unwrap } from '@skein/kernel';
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

/** After so many attempts that ended in our own failure the submission is rejected, and its quota comes back. */
export const ADMISSION_ATTEMPTS_MAX = 5;

const tensor = ({ name, elementType, shape }: TensorShape) => ({ name, elementType: elementType as ElementType, shape });

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
    const admission = await this.judge(work, job.attempts);
    const origin = { metadata: metadataOf(work), inbox: { consumer: 'admission', messageId: work.submissionId } };
    unwrap(await this.epochs.recordAdmission(work.taskId, work.epoch, work.submissionId, admission, origin));
  }

  private async judge({ taskId, epoch, artifactSha256 }: AdmissionJob, attempts: number): Promise<Admission> {
    const { opened } = await this.epochs.state(taskId, epoch);
    assert(opened, 'a revealed submission belongs to an open epoch');
    try {
      const found = unwrap(await this.artifacts.open(artifactSha256, SERVICE_PRINCIPAL));
      if (found.sizeBytes > opened.policy.limits.bytesMax)
        return { admitted: false, rule: 'size', message: `a model has at most ${opened.policy.limits.bytesMax} bytes`, platformFault: false };
      return judgeModel(await found.bytes(), opened.policy);
    } catch (error) {
      if (attempts < ADMISSION_ATTEMPTS_MAX) throw error;
      return { admitted: false, rule: 'platform-fault', message: 'the platform could not read the artifact; the quota comes back', platformFault: true };
    }
  }
}
