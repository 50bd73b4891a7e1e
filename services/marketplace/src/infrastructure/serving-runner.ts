import { Injectable } from '@nestjs/common';
import type { Rejection, Result } from '@skein/kernel';
import { residentKib, RunnerPool, type InferOutcome, type InferRequest } from '@skein/runner';
import type { ProbeRunner } from '../application/model-probe.js';

/** The pool of child processes that serves models: long-lived, a few sessions each. */
@Injectable()
export class ServingRunner implements ProbeRunner {
  readonly #pool = new RunnerPool({ pooledMax: 1, freshMax: 1, idleMsMax: 60_000, limits: { timeMsMax: 8_000 } });

  infer(request: InferRequest): Promise<Result<InferOutcome, Rejection>> {
    return this.#pool.infer(request);
  }

  async peakMemoryBytes(): Promise<number> {
    const sizes = await Promise.all(this.#pool.pids().map(async (pid) => (await residentKib(pid)) ?? 0));
    return Math.max(0, ...sizes) * 1024;
  }

  /** Called by Nest when the service closes. */
  async onApplicationShutdown(): Promise<void> {
    await this.#pool.stop();
  }
}
