import { Inject, Injectable } from '@nestjs/common';
import { reject, toNano, unwrap } from '@skein/kernel';
import { doubleBits, type Runner } from '@skein/runner';
import { EvaluationDesk } from './evaluation-desk.js';
import { runnerManifest } from './manifests.js';
import { EVALUATION_FILES, type EvaluationFiles, RUNNER } from './ports.js';

export interface Replayed {
  readonly bitEqual: boolean;
  readonly resultBits: string;
  readonly scoreNano: bigint;
}

/** Computes a revealed score again from its manifest, in a fresh process. */
@Injectable()
export class ScoreReplay {
  readonly #desk: EvaluationDesk;
  readonly #files: EvaluationFiles;
  readonly #runner: Runner;

  constructor(@Inject(EvaluationDesk) desk: EvaluationDesk, @Inject(EVALUATION_FILES) files: EvaluationFiles, @Inject(RUNNER) runner: Runner) {
    this.#desk = desk;
    this.#files = files;
    this.#runner = runner;
  }

  async replay(evaluationId: string, assignmentId: string, signal: AbortSignal): Promise<Replayed> {
    const { terms, assignments } = await this.#desk.state(evaluationId);
    const kept = assignments.find((assignment) => assignment.assignmentId === assignmentId)?.manifest;
    if (terms === undefined || kept === undefined) return unwrap(reject('not-found', 'not-found', 'there is no such resource', 'name'));
    const manifest = runnerManifest(kept);
    if (manifest === undefined) return unwrap(reject('failed-precondition', 'replay-profile', 'no runner here can follow this manifest', 'name'));
    const files = await this.#files.read(terms);
    const { bitEqual, result } = unwrap(await this.#runner.replay(manifest, { ...files, datasetSha256: terms.dataSetSha256, tenant: 'replay', signal }));
    return { bitEqual, resultBits: doubleBits(result), scoreNano: toNano(result) };
  }
}
