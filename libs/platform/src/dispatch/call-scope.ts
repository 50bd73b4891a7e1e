import { RejectionError } from '@skein/kernel';

const late = (): RejectionError => new RejectionError({ code: 'deadline-exceeded', rule: 'deadline-exceeded', message: 'the call took longer than its deadline', retriable: true });
const gone = (): RejectionError => new RejectionError({ code: 'unavailable', rule: 'cancelled', message: 'the call was cancelled', retriable: true });

/** Life of one call: ends by itself, by its deadline, by the caller going away, or by the server stopping. */
export class CallScope {
  readonly #abort = new AbortController();
  readonly #failed: Promise<never>;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #caller: AbortSignal;
  readonly #onCallerGone = (): void => this.abort();
  readonly #finish: () => void;
  /** Resolves when the call is over. */
  readonly done: Promise<void>;

  constructor(caller: AbortSignal, deadlineMs: number | undefined) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#failed = promise;
    // Nobody may be racing when it rejects; an unhandled rejection would end the process.
    promise.catch(() => undefined);
    const done = Promise.withResolvers<void>();
    this.done = done.promise;
    this.#finish = done.resolve;
    this.#caller = caller;
    this.#abort.signal.addEventListener('abort', () => reject(this.#abort.signal.reason), { once: true });
    if (caller.aborted) this.abort();
    else caller.addEventListener('abort', this.#onCallerGone, { once: true });
    if (deadlineMs !== undefined) this.#timer = setTimeout(() => this.#abort.abort(late()), Math.max(0, Math.min(deadlineMs - Date.now(), 2 ** 31 - 1)));
  }

  /** For the handler: aborted when its answer is no longer wanted. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The work's outcome, or the refusal that ended the call before. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed]);
  }

  abort(): void {
    this.#abort.abort(gone());
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener('abort', this.#onCallerGone);
    this.#finish();
  }
}
