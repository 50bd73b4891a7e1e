import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { bytesToHex, ok, reject, RejectionError, type Rejection, type Result, toNano, unwrap } from '@skein/kernel';
import { metrics, type MetricId } from '@skein/models';
import type { Runner, ScoreOutcome } from '@skein/runner';
import type { EvaluationTerms } from '../domain/evaluation/evaluation.events.js';
import type { AssignmentState, EvaluationState } from '../domain/evaluation/evaluation.state.js';
import { sealOf } from '../domain/evaluation/seal.policy.js';
import type { AssignmentWork } from './effects.js';
import { EvaluationDesk, type Origin } from './evaluation-desk.js';
import { manifestHash, manifestOf } from './manifests.js';
import { EVALUATION_FILES, type EvaluationFiles, RUNNER, SECRET_SCORES, SELF, type SecretScore, type SecretScores } from './ports.js';

const SCORE_MAX = 9e9;
const TIME_MS_MIN = 5_000;

/** Each step of a job is a command of its own that has its effect once, however often the job runs. */
const originOf = (work: AssignmentWork, step: string): Origin => ({
  metadata: { ...work.cause, actor: SELF },
  inbox: { consumer: `managed-${step}`, messageId: work.assignmentId },
});

const find = (state: EvaluationState, { assignmentId }: AssignmentWork): AssignmentState | undefined => state.assignments.find((assignment) => assignment.assignmentId === assignmentId);

/** Does the assignments of validators that leave them to Skein: evaluates in a fresh process, seals, reveals. */
@Injectable()
export class ManagedValidator {
  readonly #desk: EvaluationDesk;
  readonly #files: EvaluationFiles;
  readonly #secrets: SecretScores;
  readonly #runner: Runner;

  constructor(
    @Inject(EvaluationDesk) desk: EvaluationDesk,
    @Inject(EVALUATION_FILES) files: EvaluationFiles,
    @Inject(SECRET_SCORES) secrets: SecretScores,
    @Inject(RUNNER) runner: Runner,
  ) {
    this.#desk = desk;
    this.#files = files;
    this.#secrets = secrets;
    this.#runner = runner;
  }

  /** Accepts, scores and seals. Throws what may be tried again. */
  async evaluate(work: AssignmentWork, signal: AbortSignal): Promise<void> {
    const state = await this.#desk.state(work.evaluationId);
    const assignment = find(state, work);
    if (state.phase !== 'sealing' || (assignment?.status !== 'offered' && assignment?.status !== 'accepted')) return;
    if (assignment.status === 'offered' && !(await this.#give(work, 'accept', { kind: 'accept' }))) return;
    const scored = (await this.#secrets.find(work.assignmentId)) ?? (await this.#score(work, state.terms!, signal));
    if (scored === undefined) return;
    await this.#give(work, 'seal', { kind: 'seal', seal: sealOf(work.assignmentId, scored.scoreNano, scored.salt) });
  }

  /** Opens the seal. */
  async reveal(work: AssignmentWork): Promise<void> {
    const state = await this.#desk.state(work.evaluationId);
    if (state.phase !== 'revealing' || find(state, work)?.status !== 'sealed') return;
    const secret = await this.#secrets.find(work.assignmentId);
    if (secret === undefined) throw new Error(`the sealed score of assignment ${work.assignmentId} is gone`);
    const { assignmentId: _, ...revealed } = secret;
    await this.#give(work, 'reveal', { kind: 'reveal', ...revealed });
  }

  /** The kept score, or undefined where the model broke a rule and the assignment has failed. */
  async #score(work: AssignmentWork, terms: EvaluationTerms, signal: AbortSignal): Promise<SecretScore | undefined> {
    const files = await this.#files.read(terms);
    const outcome = quantised(
      await this.#runner.score({
        ...files,
        datasetSha256: terms.dataSetSha256,
        metric: terms.metric as MetricId,
        limits: terms.millisecondsPerRowMax > 0 ? { timeMsMax: Math.max(TIME_MS_MIN, terms.millisecondsPerRowMax * terms.dataSetRows) } : {},
        tenant: 'scoring',
        signal,
      }),
    );
    if (outcome.ok) {
      const manifest = manifestOf(outcome.value.manifest);
      return this.#secrets.keep({ assignmentId: work.assignmentId, scoreNano: outcome.value.scoreNano, salt: bytesToHex(randomBytes(32)), manifest, manifestSha256: manifestHash(manifest) });
    }
    if (outcome.error.retriable === true || outcome.error.rule === 'aborted') throw new RejectionError(outcome.error);
    await this.#give(work, 'fail', { kind: 'fail', rule: outcome.error.rule });
    return undefined;
  }

  /** False where the time was up meanwhile, which ends the work. */
  async #give(work: AssignmentWork, step: string, command: Acting): Promise<boolean> {
    const { assignmentId, validator } = work;
    const given = await this.#desk.give(work.evaluationId, originOf(work, step), (nowMs) => ({ ...command, assignmentId, validator, nowMs }));
    if (!given.ok && given.error.code === 'failed-precondition') return false;
    unwrap(given);
    return true;
  }
}

type Acting =
  | { readonly kind: 'accept' }
  | { readonly kind: 'seal'; readonly seal: string }
  | { readonly kind: 'fail'; readonly rule: string }
  | ({ readonly kind: 'reveal' } & Omit<SecretScore, 'assignmentId'>);

/** The score as the integer that is sealed. */
function quantised(outcome: Result<ScoreOutcome, Rejection>): Result<ScoreOutcome & { scoreNano: bigint }, Rejection> {
  if (!outcome.ok) return outcome;
  const { score, manifest } = outcome.value;
  if (Math.abs(score) >= SCORE_MAX) return reject('failed-precondition', 'score-undefined', `${metrics[manifest.metric].id} is out of range`, 'model');
  return ok({ ...outcome.value, scoreNano: toNano(score) });
}
