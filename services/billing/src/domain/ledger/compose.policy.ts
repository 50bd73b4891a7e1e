import type { Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { AccountSpec } from './account.js';
import type { Books } from './books.js';
import { Overlay } from './books.js';
import { executeBatch } from './execute-batch.policy.js';
import { chain } from './hash-chain.policy.js';
import type { LedgerIdentity } from './ledger.commands.js';
import type { LedgerEvent } from './ledger.events.js';
import type { LedgerState } from './ledger.state.js';
import type { TransferCode, TransferRequest } from './transfer.js';

/** Transfers per event, so that no event outgrows 64 KiB. */
const PER_EVENT = 100;

type Decision = Result<readonly LedgerEvent[], Rejection>;

/** Builds the events of one command: the ledger if it is new, missing accounts, then transfers, then the story they tell. */
export function compose(state: LedgerState, ledger: LedgerIdentity | undefined, nowMs: number): Composition {
  const opened: LedgerEvent[] =
    state.ledger === undefined && ledger !== undefined ? [{ type: 'skein.billing.ledger.opened.v1', data: { ...ledger, atMs: nowMs } }] : [];
  return new Composition(state, opened, state.books, nowMs);
}

class Composition {
  readonly #state: LedgerState;
  readonly #before: readonly LedgerEvent[];
  readonly #books: Books;
  readonly #nowMs: number;
  #transfers: readonly LedgerEvent[] = [];
  #rejection: Result<never, Rejection> | undefined;

  constructor(state: LedgerState, before: readonly LedgerEvent[], books: Books, nowMs: number) {
    this.#state = state;
    this.#before = before;
    this.#books = books;
    this.#nowMs = nowMs;
  }

  /** Opens accounts that do not exist yet. */
  open(specs: readonly AccountSpec[]): Composition {
    const missing = [...new Map(specs.map((spec) => [spec.id, spec])).values()].filter(({ id }) => !this.#books.accounts.has(id));
    if (missing.length === 0) return this;
    const overlay = new Overlay(this.#books);
    overlay.open(missing);
    const event: LedgerEvent = { type: 'skein.billing.ledger.accounts-opened.v1', data: { accounts: missing } };
    return new Composition(this.#state, [...this.#before, event], overlay.toBooks(this.#books), this.#nowMs);
  }

  /** Each transfer or chain on its own; what cannot stand is recorded as failed where that must last. */
  applyEach(requests: readonly TransferRequest[]): Decision {
    const { applied, failed } = executeBatch(this.#books, requests, this.#nowMs);
    const refused: LedgerEvent[] =
      failed.length === 0 ? [] : [{ type: 'skein.billing.ledger.transfers-refused.v1', data: { transfers: failed, atMs: this.#nowMs } }];
    return ok([...this.#before, ...this.#linked(applied), ...refused]);
  }

  /** All of them or a refusal of the whole command, which then changes nothing. An id that exists belongs to something else: repetitions are known by their past. */
  applyAll(requests: readonly TransferRequest[]): this {
    const chained = requests.map((request, index) => (index < requests.length - 1 ? { ...request, linked: true } : request));
    const { applied, results } = executeBatch(this.#books, chained, this.#nowMs);
    const broken = results.find(({ code }) => code !== 'created' && code !== 'linked-transfer-failed');
    if (broken) this.#rejection = refusal(broken.id, broken.code);
    this.#transfers = this.#linked(applied);
    return this;
  }

  /** The decision: everything so far, then these events. */
  record(...events: readonly LedgerEvent[]): Decision {
    return this.#rejection ?? ok([...this.#before, ...this.#transfers, ...events]);
  }

  #linked(applied: ReturnType<typeof executeBatch>['applied']): LedgerEvent[] {
    const entries: { transfers: typeof applied; atMs: number }[] = [];
    for (let at = 0; at < applied.length; at += PER_EVENT) entries.push({ transfers: applied.slice(at, at + PER_EVENT), atMs: this.#nowMs });
    return chain(this.#state.head, entries).map((data) => ({ type: 'skein.billing.ledger.transfers-applied.v1', data }));
  }
}

const refusal = (id: string, code: TransferCode): Result<never, Rejection> =>
  reject(code.startsWith('exists') ? 'conflict' : 'failed-precondition', code, `transfer ${id} cannot stand: ${code}`);
