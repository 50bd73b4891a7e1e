import { err, FairGate, ok, reject, RejectionError, type Rejection, type Result, sha256Hex } from '@skein/kernel';
import { metrics } from '@skein/models';
import type { Frame } from './frames.js';
import { isolationReport } from './isolation.js';
import { doubleBits, pinnedProfile } from './profile.js';
import { decodeTensors, inferFrame, replyNumbers, scoreFrame, trainFrame } from './requests.js';
import { defaultRunnerLimits, RunnerProcess } from './runner-process.js';
import type {
  InferOutcome,
  InferRequest,
  IsolationReport,
  ReplayInputs,
  ReplayManifest,
  Runner,
  RunnerCaller,
  RunnerLimits,
  RunProfile,
  ScoreOutcome,
  ScoreRequest,
  TrainOutcome,
  TrainRequest,
} from './types.js';

/** How many processes a pool may use. */
export interface RunnerPoolOptions {
  /** Fresh processes that run at once (default 2). */
  readonly freshMax?: number;
  /** Started processes kept ready for the next fresh run (default 0; each costs about 80 MiB). */
  readonly spares?: number;
  /** Long-lived processes for serving, probes and training (default 2), started on first need. */
  readonly pooledMax?: number;
  /** Models that one long-lived process keeps loaded (default 8). */
  readonly modelsPerProcess?: number;
  /** Requests that wait for a process of each of the two kinds (default 64); more are refused as `runner-busy` with a time. */
  readonly waitingMax?: number;
  /** A long-lived process without work for so long is stopped (default 30 s). */
  readonly idleMsMax?: number;
  readonly limits?: Partial<RunnerLimits>;
  readonly profile?: RunProfile;
}

/** A long-lived process gets so long to end what nobody waits for any more; starting another costs as much. */
const ABORT_GRACE_MS = 250;

interface Pooled {
  readonly process: RunnerProcess;
  busy: boolean;
  idle: NodeJS.Timeout | undefined;
}

/**
 * Runs untrusted models in child processes: a fresh one per score, long-lived ones for serving, probes and training steps.
 * Every refusal is a value; rules: runner-start, runner-died (both retriable), runner-memory, runner-time, runner-output,
 * model-load, model-run, input-names, output-shape, output-type, tensor-type, score-undefined, artifact-hash,
 * dataset-hash, aborted, runner-busy (retriable, with a time). Whoever waits gets its turn fairly between tenants.
 */
export class RunnerPool implements Runner {
  readonly #limits: RunnerLimits;
  readonly #profile: RunProfile;
  readonly #options: Required<Pick<RunnerPoolOptions, 'spares' | 'modelsPerProcess' | 'idleMsMax'>>;
  readonly #fresh: FairGate;
  readonly #pooledGate: FairGate;
  readonly #spares: Promise<Result<RunnerProcess, Rejection>>[] = [];
  readonly #pooled: Pooled[] = [];
  readonly #running = new Set<RunnerProcess>();
  #stopped = false;

  constructor(options: RunnerPoolOptions = {}) {
    this.#limits = { ...defaultRunnerLimits, ...options.limits };
    this.#profile = options.profile ?? pinnedProfile;
    this.#options = { spares: options.spares ?? 0, modelsPerProcess: options.modelsPerProcess ?? 8, idleMsMax: options.idleMsMax ?? 30_000 };
    const gate = (runningMax: number): FairGate =>
      new FairGate({ name: 'the pool of runners', rule: 'runner-busy', runningMax, queuedMax: options.waitingMax ?? 64, nowMs: () => performance.now() });
    this.#fresh = gate(options.freshMax ?? 2);
    this.#pooledGate = gate(options.pooledMax ?? 2);
  }

  /** Probes the isolation and starts the spares; optional, the first request does it too. */
  async start(): Promise<IsolationReport> {
    this.#refill();
    return isolationReport();
  }

  /** Kills every process of the pool and waits for them. Later requests are refused. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { idle } of this.#pooled) clearTimeout(idle);
    const spares = await Promise.all(this.#spares.splice(0));
    const all = [...this.#running, ...this.#pooled.splice(0).map(({ process }) => process), ...spares.flatMap((spare) => (spare.ok ? [spare.value] : []))];
    await Promise.all(all.map((process) => process.stop()));
  }

  /** Process ids that are alive now, for measuring memory. */
  pids(): number[] {
    return [...this.#running, ...this.#pooled.map(({ process }) => process)].filter(({ alive }) => alive).map(({ pid }) => pid);
  }

  async score(request: ScoreRequest): Promise<Result<ScoreOutcome, Rejection>> {
    return this.#score(request, this.#profile);
  }

  async replay(manifest: ReplayManifest, inputs: ReplayInputs): Promise<Result<{ bitEqual: boolean; result: number }, Rejection>> {
    if (sha256Hex(inputs.model) !== manifest.artifactSha256) return reject('invalid-argument', 'artifact-hash', 'the model is not the one that was scored', 'model');
    if (inputs.datasetSha256 !== manifest.datasetSha256) return reject('invalid-argument', 'dataset-hash', 'the data set is not the one that was scored with', 'dataset');
    const { executionProvider, graphOptimisation, threads, batchSize, metric } = manifest;
    const scored = await this.#score({ ...inputs, metric }, { executionProvider, graphOptimisation, threads, batchSize });
    if (!scored.ok) return scored;
    return ok({ bitEqual: doubleBits(scored.value.score) === manifest.resultBits, result: scored.value.score });
  }

  async infer(request: InferRequest): Promise<Result<InferOutcome, Rejection>> {
    const limits = { ...this.#limits, ...request.limits };
    const answer = await (request.fresh === true
      ? this.#inFresh(request, (process) => process.request(inferFrame(request, this.#profile, true), limits, request.signal))
      : this.#inPooled(request, request.modelKey, limits, (withModel, forget) => inferFrame(request, this.#profile, withModel, forget)));
    if (!answer.ok) return answer;
    const outputs = decodeTensors(answer.value);
    if (!outputs.ok) return outputs;
    return ok({ outputs: outputs.value, computeMs: Number(answer.value.header['computeMs']) });
  }

  async train(request: TrainRequest): Promise<Result<TrainOutcome, Rejection>> {
    const limits = { ...this.#limits, ...request.limits };
    const key = sha256Hex(request.stepGraph);
    const answer = await this.#inPooled(request, key, limits, (withModel, forget) => trainFrame(request, key, this.#profile, withModel, forget));
    if (!answer.ok) return answer;
    const parameters = decodeTensors(answer.value);
    if (!parameters.ok) return parameters;
    return ok({ parameters: parameters.value, losses: replyNumbers(answer.value, 'losses') });
  }

  async #score(request: ScoreRequest, profile: RunProfile): Promise<Result<ScoreOutcome, Rejection>> {
    const limits = { ...this.#limits, ...request.limits };
    const startedMs = performance.now();
    let runtime = '';
    const answer = await this.#inFresh(request, (process) => {
      runtime = process.runtime;
      return process.request(scoreFrame(request, profile), limits, request.signal);
    });
    if (!answer.ok) return answer;
    const outputs = decodeTensors(answer.value);
    if (!outputs.ok) return outputs;
    const score = metricOf(request, outputs.value);
    if (!score.ok) return score;
    const metric = metrics[request.metric];
    const manifest: ReplayManifest = {
      ...profile,
      artifactSha256: sha256Hex(request.model),
      datasetSha256: request.datasetSha256,
      metric: metric.id,
      metricVersion: metric.version,
      runtime,
      resultBits: doubleBits(score.value),
      result: score.value,
    };
    return ok({ score: score.value, manifest, durationMs: performance.now() - startedMs });
  }

  /** Keeps as many processes starting or ready as are configured or about to be needed. */
  #refill(): void {
    const wanted = this.#options.spares + Math.min(this.#fresh.queued, 1);
    while (!this.#stopped && this.#spares.length < wanted) this.#spares.push(RunnerProcess.start());
  }

  #inFresh(caller: RunnerCaller, use: (process: RunnerProcess) => Promise<Result<Frame, Rejection>>): Promise<Result<Frame, Rejection>> {
    return inTurn(this.#fresh, caller, async () => {
      if (this.#stopped) return stopped();
      const started = await (this.#spares.shift() ?? RunnerProcess.start());
      this.#refill();
      if (!started.ok) return started;
      const process = started.value;
      this.#running.add(process);
      try {
        return await use(process);
      } finally {
        this.#running.delete(process);
        await process.stop();
      }
    });
  }

  #inPooled(caller: RunnerCaller, key: string, limits: RunnerLimits, frame: (withModel: boolean, forget: string[]) => Frame): Promise<Result<Frame, Rejection>> {
    const work = inTurn(this.#pooledGate, caller, async () => {
      if (this.#stopped) return stopped();
      const taken = await this.#take(key);
      if (!taken.ok) return taken;
      const entry = taken.value;
      const end = new AbortController();
      const release = onAbort(caller.signal, () => setTimeout(() => end.abort(), ABORT_GRACE_MS));
      try {
        return await this.#ask(entry.process, key, limits, end.signal, frame, caller);
      } finally {
        release();
        this.#putBack(entry);
      }
    });
    // Whoever gives up is answered at once; the process is free when it has ended or was ended.
    const given = Promise.withResolvers<Result<Frame, Rejection>>();
    const release = onAbort(caller.signal, () => given.resolve(aborted()));
    return Promise.race([work, given.promise]).finally(release);
  }

  async #ask(process: RunnerProcess, key: string, limits: RunnerLimits, end: AbortSignal, frame: (withModel: boolean, forget: string[]) => Frame, { signal }: RunnerCaller): Promise<Result<Frame, Rejection>> {
    if (signal?.aborted === true) return aborted();
    const known = process.loaded.indexOf(key);
    if (known >= 0) process.loaded.splice(known, 1);
    const forget = process.loaded.splice(0, Math.max(process.loaded.length + 1 - this.#options.modelsPerProcess, 0));
    const answer = await process.request(frame(known < 0, forget), limits, end);
    if (answer.ok || answer.error.rule !== 'model-load') process.loaded.push(key);
    return answer;
  }

  async #take(key: string): Promise<Result<Pooled, Rejection>> {
    const free = this.#pooled.filter(({ busy, process }) => !busy && process.alive);
    const entry = free.find(({ process }) => process.loaded.includes(key)) ?? free[0];
    if (entry !== undefined) {
      entry.busy = true;
      clearTimeout(entry.idle);
      return ok(entry);
    }
    const started = await RunnerProcess.start();
    if (!started.ok) return started;
    const fresh: Pooled = { process: started.value, busy: true, idle: undefined };
    this.#pooled.push(fresh);
    return ok(fresh);
  }

  #putBack(entry: Pooled): void {
    entry.busy = false;
    if (!entry.process.alive || this.#stopped) return this.#discard(entry);
    entry.idle = setTimeout(() => this.#discard(entry), this.#options.idleMsMax);
    entry.idle.unref();
  }

  #discard(entry: Pooled): void {
    const at = this.#pooled.indexOf(entry);
    if (at >= 0) this.#pooled.splice(at, 1);
    void entry.process.stop();
  }
}

/** Runs `work` when its turn has come; the gate's refusals and the caller's giving up are values. */
async function inTurn<T>(gate: FairGate, { tenant = '', signal }: RunnerCaller, work: () => Promise<Result<T, Rejection>>): Promise<Result<T, Rejection>> {
  let leave: () => void;
  try {
    leave = await gate.enter({ tenant, signal });
  } catch (error) {
    if (error instanceof RejectionError && error.rejection.code === 'resource-exhausted') return err(error.rejection);
    return aborted();
  }
  try {
    return await work();
  } finally {
    leave();
  }
}

/** Calls `then` once the signal aborts, even if it has already; the returned function takes the listener, or the timer that `then` made, away. */
function onAbort(signal: AbortSignal | undefined, then: () => NodeJS.Timeout | void): () => void {
  if (signal === undefined) return () => undefined;
  let timer: NodeJS.Timeout | void;
  const listener = (): void => {
    timer = then();
  };
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
    clearTimeout(timer ?? undefined);
  };
}

const aborted = (): Result<never, Rejection> => reject('deadline-exceeded', 'aborted', 'the run was given up');
const stopped = (): Result<never, Rejection> => err({ code: 'unavailable', rule: 'runner-start', message: 'the runners are stopping', retriable: true });

function metricOf(request: ScoreRequest, outputs: readonly { dims: readonly number[]; data: Uint8Array; elementType: string }[]): Result<number, Rejection> {
  const [tensor] = outputs;
  const [rows, width] = tensor?.dims ?? [];
  if (tensor === undefined || rows !== request.dataset.rows || width === undefined) return reject('failed-precondition', 'output-shape', 'the output has not one line per row', 'model');
  const copy = tensor.data.slice().buffer;
  const scores = tensor.elementType === 'float' ? new Float32Array(copy) : new Float64Array(copy);
  const value = metrics[request.metric].compute({ rows, outputs: width, scores, labels: request.dataset.labels });
  return value === undefined ? reject('failed-precondition', 'score-undefined', 'the metric has no value for the outputs of this model', 'model') : ok(value);
}
