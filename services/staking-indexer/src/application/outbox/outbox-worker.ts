import type { Meter, ObservableResult } from '@opentelemetry/api';
import { RejectionError, type Clock, type Rejection } from '@skein/kernel';
import type { OutboxLook, RunOutbox } from './run-outbox.js';

export interface OutboxLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface OutboxWorkerOptions {
  readonly run: RunOutbox;
  /** What is done every few seconds besides: looks whether a reward epoch is over, finds pools. One that fails stops no other, nor the outbox. */
  readonly chores: readonly (() => Promise<void>)[];
  readonly meter: Meter;
  readonly log: OutboxLog;
  readonly clock: Clock;
  readonly pollMs: number;
}

const BACKOFF_MS_MAX = 15_000;
const CHORES_EVERY_MS = 5_000;

type Figures = Readonly<Record<'pending' | 'parked' | 'frozen' | 'oldest' | 'replaced', number>>;

/** What a look says in numbers; the age in seconds. */
export function figuresOf(look: OutboxLook | undefined, nowMs: number): Figures {
  const open = look?.state.open ?? [];
  const oldest = open.reduce((least, { acceptedAtMs }) => Math.min(least, acceptedAtMs), nowMs);
  return {
    pending: open.length,
    parked: open.filter(({ parked, flight }) => parked !== undefined && flight === undefined).length,
    frozen: look?.state.frozen === undefined ? 0 : 1,
    oldest: Math.max(0, nowMs - oldest) / 1000,
    replaced: look?.replaced ?? 0,
  };
}

/** Looks after the outbox again and again. */
export class OutboxWorker {
  readonly name = 'chain-outbox';
  readonly #options: OutboxWorkerOptions;
  readonly #stop = new AbortController();
  readonly #unobserve: () => void;
  #loop: Promise<void> | undefined;
  #last: OutboxLook | undefined;
  #failures = 0;
  #choresAtMs = -Infinity;
  #undone: readonly Rejection[] = [];
  #trouble = '';

  constructor(options: OutboxWorkerOptions) {
    this.#options = options;
    const { meter } = options;
    const figure = (name: keyof Figures) => (result: ObservableResult): void => result.observe(figuresOf(this.#last, options.clock.nowMs())[name]);
    const observed = [
      [meter.createObservableGauge('staking_outbox_pending_intents', { unit: '{intent}', description: 'Decided, and without final effect on chain' }), figure('pending')],
      [meter.createObservableGauge('staking_outbox_parked_intents', { unit: '{intent}', description: 'Refused by the chain as things are; tried again now and then' }), figure('parked')],
      [meter.createObservableGauge('staking_outbox_oldest_seconds', { unit: 's', description: 'Age of the oldest intent without final effect' }), figure('oldest')],
      [meter.createObservableGauge('staking_outbox_frozen', { unit: '1', description: '1 while nothing is signed until the operator has looked' }), figure('frozen')],
      [meter.createObservableCounter('staking_outbox_replaced_total', { unit: '{transaction}', description: 'Stuck transactions that were replaced by ones with higher fees' }), figure('replaced')],
    ] as const;
    for (const [instrument, callback] of observed) instrument.addCallback(callback);
    this.#unobserve = () => observed.forEach(([instrument, callback]) => instrument.removeCallback(callback));
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** What it waits for, for people. */
  waitsFor(): string | undefined {
    const frozen = this.#last?.state.frozen;
    return frozen === undefined ? this.#trouble || undefined : `frozen (${frozen.rule})`;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    this.#unobserve();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#look();
      const waitMs = Math.min(this.#options.pollMs * 2 ** Math.min(this.#failures, 10), BACKOFF_MS_MAX);
      await pause(waitMs, this.#stop.signal);
    }
  }

  async #look(): Promise<void> {
    const { run, log } = this.#options;
    try {
      const before = this.#last?.state.frozen?.rule;
      const failed = await this.#chores();
      this.#last = await run.step();
      this.#failures = 0;
      const { state: { frozen } } = this.#last;
      const troubles = [...this.#last.troubles, ...failed];
      if (frozen !== undefined && frozen.rule !== before) log.error({ rule: frozen.rule, reason: frozen.message }, 'nothing is signed for the chain any more until the operator has looked');
      this.#say(troubles[0]?.rule ?? '', troubles[0]?.message ?? '');
    } catch (error) {
      this.#failures += 1;
      this.#trouble = error instanceof RejectionError ? error.rejection.rule : 'the chain';
      log.warn({ err: error, failures: this.#failures }, 'the outbox could not do its work; it goes on');
    }
  }

  /** What could not be done; what is no refusal but a fault is said at once. */
  async #chores(): Promise<readonly Rejection[]> {
    const { clock, chores, log } = this.#options;
    if (clock.nowMs() - this.#choresAtMs < CHORES_EVERY_MS) return this.#undone;
    this.#choresAtMs = clock.nowMs();
    const undone: Rejection[] = [];
    for (const chore of chores) {
      try {
        await chore();
      } catch (error) {
        if (!(error instanceof RejectionError)) log.warn({ err: error }, 'a chore of the outbox failed; it comes again');
        undone.push(error instanceof RejectionError ? error.rejection : { code: 'internal', rule: 'chore-failed', message: 'see the log' });
      }
    }
    return (this.#undone = undone);
  }

  /** Once per rule: a trouble comes back with every look until it is over. */
  #say(rule: string, reason: string): void {
    if (rule !== '' && rule !== this.#trouble) this.#options.log.warn({ rule, reason }, 'the outbox waits');
    this.#trouble = rule;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
