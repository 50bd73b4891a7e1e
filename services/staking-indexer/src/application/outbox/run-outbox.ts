import { RejectionError, reject, unwrap, type Clock, type Rejection, type Result } from '@skein/kernel';
import { failpoint } from '@skein/telemetry';
import type { Address } from 'viem';
import { replacementFees, type Fees } from '../../domain/outbox/fees.policy.js';
import { intentId, isForChain, pays, type ChainIntent } from '../../domain/outbox/intent.js';
import type { Block, Refusal, SignedTransaction } from '../../domain/outbox/outbox.events.js';
import { findOpen, flying, type Flight, type OpenIntent, type OutboxState } from '../../domain/outbox/outbox.state.js';
import { BackOff } from './back-off.js';
import { callOf, type OutboxContracts } from './intent-calls.js';
import { lookOnChain, type OnChain } from './intent-on-chain.js';
import type { OutboxStore } from './outbox-store.js';
import type { Receipt, Signer, TransactionChain, UnsignedTransaction } from './ports.js';
import { rawOf, signed } from './signed-transaction.js';

export interface OutboxOptions {
  readonly chainId: number;
  readonly contracts: OutboxContracts;
  readonly signer: Signer;
  readonly chain: TransactionChain;
  readonly clock: Clock;
  /** Unmined for so long: replaced. Default 60 000. */
  readonly stuckMs?: number;
  /** The same bytes are sent again so often while they are not mined. Default 15 000. */
  readonly resendMs?: number;
  /** Most wei that a unit of gas may cost. Default 500 gwei. */
  readonly feeCap?: bigint;
  /** Transactions under way at a time. Default 8. */
  readonly flightsMax?: number;
  /** Why nothing may be paid now; undefined: it may. Asked before each payment is signed. Default: it always may. */
  readonly whyNotPay?: () => Promise<Rejection | undefined>;
}

/** What one pass found: what is open, and what could not be done and why. */
export interface OutboxLook {
  readonly state: OutboxState;
  readonly troubles: readonly Rejection[];
  /** Transactions replaced so far, by this process. */
  readonly replaced: number;
}

const DEFAULTS = { stuckMs: 60_000, resendMs: 15_000, feeCap: 500_000_000_000n, flightsMax: 8, whyNotPay: async (): Promise<undefined> => undefined };
/** Whoever may not pay is asked again so often: the answer costs a comparison of all totals. */
const PAY_AGAIN_MS = 5_000;
/** Whatever one intent meets, the next one would meet, too. */
const EVERYWHERE: readonly string[] = ['endpoint-unreachable', 'endpoint-timeout', 'rate-limited', 'signer-unreachable'];
/** Another pass, of this process or of one that takes over, was faster with the same: there is nothing to do about it. */
const OVERTAKEN: readonly string[] = ['not-under-way', 'intent-not-open', 'still-under-way', 'intent-moved-on'];
type Flying = OpenIntent & { readonly flight: Flight };

const openingOf = ({ taskId }: { readonly taskId: string }): string => intentId({ kind: 'open-task', taskId, latestEnd: 0n });
const unclear = (refusal: Refusal | undefined): Refusal => refusal ?? { error: 'unknown', message: 'it reverted, and would pass now' };

async function unlessOvertaken(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RejectionError) || !OVERTAKEN.includes(error.rejection.rule)) throw error;
  }
}

/**
 * Brings intents to the chain, one pass after the other. All that matters is in the stream: a pass may end anywhere, and the next
 * one, in this process or another, goes on from there. Bytes are sent only after they are stored.
 */
export class RunOutbox {
  readonly #outbox: Pick<OutboxStore, 'state' | 'give'>;
  readonly #options: Required<OutboxOptions>;
  readonly #retry: BackOff;
  readonly #sentAtMs = new Map<string, number>();
  readonly #firstSentAtMs = new Map<string, number>();
  #troubles: Rejection[] = [];
  #replaced = 0;
  #unpaid: { readonly why: Rejection; readonly untilMs: number } | undefined;

  constructor(outbox: Pick<OutboxStore, 'state' | 'give'>, options: OutboxOptions) {
    this.#outbox = outbox;
    this.#options = { ...DEFAULTS, ...options };
    this.#retry = new BackOff(options.clock);
  }

  async step(): Promise<OutboxLook> {
    this.#troubles = [];
    const started = await this.#start();
    const { chainId, open } = await this.#outbox.state();
    if (!started.ok) this.#troubles.push(started.error);
    if (chainId === this.#options.chainId && open.some(({ intent }) => isForChain(intent))) await this.#pass(started.ok);
    return { state: await this.#outbox.state(), troubles: this.#troubles, replaced: this.#replaced };
  }

  /** The operator has looked: nonces that others have used up are passed by, and signing goes on. */
  async thaw(): Promise<Result<unknown, Rejection>> {
    const state = await this.#outbox.state();
    const finalised = await this.#options.chain.finalised();
    // Of the account that has signed, whoever signs now: by another one's nonces, what is under way would look passed by.
    const nonce = state.signer === '' ? 0 : await this.#options.chain.nonceAt(state.signer as Address, finalised.number);
    // First what is ours: only nonces without a receipt of ours are others'.
    for (const intent of flying(state)) await unlessOvertaken(() => this.#land(intent, state, finalised));
    return this.#outbox.give({ kind: 'thaw', nonce });
  }

  /** `signs`: false while transactions of another key are under way. They are sent and awaited like ours; nothing new is signed. */
  async #pass(signs: boolean): Promise<void> {
    const { chain } = this.#options;
    const finalised = await chain.finalised();
    const state = await this.#outbox.state();
    // Before the receipts: a nonce that is used up in a final block has its receipt by then, if it was ours.
    const used = await chain.nonceAt(state.signer as Address, finalised.number);
    if (!(await this.#each(flying(state), (intent) => this.#land(intent, state, finalised, used)))) return;
    if (!(await this.#each(flying(await this.#outbox.state()), (intent) => this.#send(intent)))) return;
    if (!signs) return;
    await this.#noting(() => this.#unstick());
    await this.#takeOff(finalised);
  }

  /** A failure with one leaves the others alone; false where it is one that all would meet. */
  async #each<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<boolean> {
    for (const one of all) {
      const trouble = await this.#noting(() => work(one));
      if (trouble !== undefined && EVERYWHERE.includes(trouble.rule)) return false;
    }
    return true;
  }

  async #noting(work: () => Promise<unknown>): Promise<Rejection | undefined> {
    try {
      await unlessOvertaken(work);
      return undefined;
    } catch (error) {
      if (!(error instanceof RejectionError)) throw error;
      this.#troubles.push(error.rejection);
      return error.rejection;
    }
  }

  /** The account's nonces belong to this stream from a block on at which nothing of the account is under way. */
  async #start(): Promise<Result<unknown, Rejection>> {
    const { chainId, chain, signer } = this.#options;
    const state = await this.#outbox.state();
    if (state.signer === signer.address && state.chainId === chainId) return { ok: true, value: undefined };
    const finalised = await chain.finalised();
    const [nonce, latest] = [await chain.nonceAt(signer.address, finalised.number), await chain.nonceAt(signer.address, 'latest')];
    if (nonce !== latest) return reject('unavailable', 'signer-busy', `transactions of ${signer.address} are not final yet`);
    return this.#outbox.give({ kind: 'start', chainId, signer: signer.address, nonce });
  }

  /** Records a final receipt. `used`: nonces that are used up in final blocks; undefined asks for no more than the receipt. */
  async #land(intent: Flying, { signer }: OutboxState, finalised: Block, used?: number): Promise<void> {
    const { nonce } = intent.flight;
    const found = await this.#finalReceipt(intent.flight, finalised);
    if (found !== undefined) await this.#record(intent, found);
    else if (used !== undefined && nonce < used) {
      const message = `nonce ${nonce} of ${signer} was used by a transaction that is not ours (${intent.id})`;
      unwrap(await this.#outbox.give({ kind: 'freeze', id: intent.id, nonce, rule: 'nonce-used-elsewhere', message }, intent.id));
    }
  }

  async #record(intent: OpenIntent, found: { transaction: SignedTransaction; receipt: Receipt }): Promise<void> {
    const { hash } = found.transaction;
    const refusal = found.receipt.succeeded ? undefined : await this.#whyReverted(intent);
    failpoint('outbox.receipt');
    const done = { kind: 'receipt', id: intent.id, hash, block: found.receipt.block, ...(refusal === undefined ? {} : { refusal }) } as const;
    unwrap(await this.#outbox.give((nowMs) => ({ ...done, nowMs }), intent.id));
    failpoint('outbox.final');
    for (const { hash: any } of intent.flight?.transactions ?? []) this.#forget(any);
  }

  #forget(hash: string): void {
    this.#sentAtMs.delete(hash);
    this.#firstSentAtMs.delete(hash);
  }

  async #finalReceipt({ transactions }: Flight, finalised: Block): Promise<{ transaction: SignedTransaction; receipt: Receipt } | undefined> {
    for (const transaction of transactions.toReversed()) {
      const receipt = await this.#options.chain.receipt(transaction.hash as `0x${string}`);
      if (receipt === undefined || receipt.block.number > finalised.number) continue;
      // An endpoint may still answer with a block that the chain has left.
      if ((await this.#options.chain.blockHash(receipt.block.number)) === receipt.block.hash) return { transaction, receipt };
    }
    return undefined;
  }

  async #whyReverted({ intent }: OpenIntent): Promise<Refusal> {
    const { signer } = await this.#outbox.state();
    const tried = await this.#options.chain.dryRun(signer as Address, callOf(intent as ChainIntent, this.#options.contracts));
    return unclear('refusal' in tried ? tried.refusal : undefined);
  }

  /** Sends the newest bytes, and again from time to time while they are in no block: a reorg or a full pool may have dropped them. */
  async #send({ flight }: Pick<Flying, 'flight'>): Promise<void> {
    const { chain, clock, resendMs } = this.#options;
    const newest = flight.transactions.at(-1)!;
    const now = clock.nowMs();
    if (now - (this.#sentAtMs.get(newest.hash) ?? -Infinity) < resendMs) return;
    for (const { hash } of flight.transactions) if ((await chain.receipt(hash as `0x${string}`)) !== undefined) return;
    const sent = await chain.send(rawOf(newest));
    this.#sentAtMs.set(newest.hash, now);
    // Too cheap to be kept by the endpoint at all: it need not get old before it is replaced.
    if (!this.#firstSentAtMs.has(newest.hash)) this.#firstSentAtMs.set(newest.hash, sent === 'underpriced' ? -Infinity : now);
    failpoint('outbox.sent');
  }

  /** Replaces the lowest transaction when it waits for too long: those behind it wait for it. */
  async #unstick(): Promise<void> {
    const { chain, clock, stuckMs, feeCap } = this.#options;
    const [lowest] = flying(await this.#outbox.state());
    const last = lowest?.flight.transactions.at(-1);
    if (lowest === undefined || last === undefined) return;
    const first = this.#firstSentAtMs.get(last.hash);
    if (first === undefined || clock.nowMs() - first < stuckMs) return;
    for (const { hash } of lowest.flight.transactions) if ((await chain.receipt(hash as `0x${string}`)) !== undefined) return;
    const fees = replacementFees(last, await chain.fees());
    if (fees.feeMax > feeCap) return this.#trouble('fee-cap', `${lowest.id} is stuck: a replacement would cost ${fees.feeMax} wei per unit of gas, at most ${feeCap} is allowed`);
    await this.#sign(lowest.id, { gas: last.gas, fees, replaces: last.hash });
    this.#replaced += 1;
    this.#forget(last.hash);
    const replaced = findOpen(await this.#outbox.state(), lowest.id);
    if (replaced?.flight !== undefined) await this.#send({ flight: replaced.flight });
  }

  #trouble(rule: string, message: string): void {
    this.#troubles.push({ code: 'unavailable', rule, message });
  }

  /** Gives nonces to those that have none, in the order in which they were accepted; whom the chain refuses steps aside. */
  async #takeOff(finalised: Block): Promise<void> {
    const { open } = await this.#outbox.state();
    for (const { id, intent, flight } of open) {
      const state = await this.#outbox.state();
      if (state.frozen !== undefined || flying(state).length >= this.#options.flightsMax) return;
      if (flight !== undefined || !isForChain(intent) || !this.#retry.isDue(id)) continue;
      const trouble = await this.#noting(() => this.#consider(id, intent, finalised));
      if (trouble !== undefined) this.#retry.failed(id);
      if (trouble !== undefined && EVERYWHERE.includes(trouble.rule)) return;
    }
  }

  async #consider(id: string, intent: ChainIntent, block: Block): Promise<void> {
    const { contracts, chain, signer, feeCap } = this.#options;
    const known = pays(intent) ? this.#knownUnpaid() : undefined;
    if (known !== undefined) return this.#wait(id, known);
    const found = await lookOnChain(intent, contracts, chain, block.number);
    if (found.is !== 'absent') return this.#close(id, intent, found, block);
    const unpaid = pays(intent) ? await this.#whyNotPay() : undefined;
    if (unpaid !== undefined) return this.#wait(id, unpaid);
    const tried = await chain.dryRun(signer.address, callOf(intent, contracts));
    if ('refusal' in tried) {
      this.#retry.failed(id);
      // There already, but not final: it is adopted once it is.
      if (['same', 'needless'].includes((await lookOnChain(intent, contracts, chain, 'latest')).is)) return;
      unwrap(await this.#outbox.give((nowMs) => ({ kind: 'park', id, refusal: tried.refusal, nowMs }), id));
      return;
    }
    const fees = await chain.fees();
    if (fees.feeMax > feeCap) return this.#trouble('fee-cap', `a unit of gas costs ${fees.feeMax} wei, at most ${feeCap} is allowed`);
    await this.#sign(id, { gas: tried.gas, fees });
    this.#retry.passed(id);
    const stored = findOpen(await this.#outbox.state(), id);
    if (stored?.flight !== undefined) await this.#send({ flight: stored.flight });
  }

  /** Nothing is sent for what a final block holds already, or makes needless. */
  async #close(id: string, intent: ChainIntent, found: Exclude<OnChain, { is: 'absent' }>, block: Block): Promise<void> {
    switch (found.is) {
      case 'same':
        unwrap(await this.#outbox.give({ kind: 'adopt', id, block }, id));
        return;
      case 'different':
        unwrap(await this.#outbox.give({ kind: 'contradict', id, difference: found.difference, block }, id));
        return;
      case 'needless':
        // What is to be undone may be on its way still.
        if (intent.kind === 'cancel-task' && findOpen(await this.#outbox.state(), openingOf(intent)) !== undefined) return this.#retry.failed(id);
        unwrap(await this.#outbox.give({ kind: 'withdraw', id, reason: found.reason }, id));
    }
  }

  #knownUnpaid(): Rejection | undefined {
    return this.#unpaid !== undefined && this.#options.clock.nowMs() < this.#unpaid.untilMs ? this.#unpaid.why : undefined;
  }

  async #whyNotPay(): Promise<Rejection | undefined> {
    const why = await this.#options.whyNotPay();
    this.#unpaid = why && { why, untilMs: this.#options.clock.nowMs() + PAY_AGAIN_MS };
    return why;
  }

  /** Parked, so that everybody sees why; but looked at again with every pass: it may go on at once when payouts may. */
  async #wait(id: string, { rule, message }: Rejection): Promise<void> {
    this.#trouble(rule, `${id} waits: ${message}`);
    unwrap(await this.#outbox.give((nowMs) => ({ kind: 'park', id, refusal: { error: rule, message: `${rule}: ${message}` }, nowMs }), id));
  }

  /** Stores bytes of an intent's first transaction, or of the one that replaces `replaces`. */
  async #sign(id: string, { gas, fees, replaces }: { gas: bigint; fees: Fees; replaces?: string }): Promise<void> {
    const { signer, chainId, contracts } = this.#options;
    const given = await this.#outbox.give(async (nowMs, state) => {
      const open = findOpen(state, id);
      // Another process was faster.
      if (open === undefined || open.flight?.transactions.at(-1)?.hash !== replaces) throw new RejectionError({ code: 'conflict', rule: 'intent-moved-on', message: `${id} has moved on` });
      // Nonces of another account: a process with another key has taken over.
      if (state.signer !== signer.address) throw new RejectionError({ code: 'conflict', rule: 'signer-changed', message: `${state.signer} signs by now, not ${signer.address}` });
      const nonce = open.flight?.nonce ?? state.nextNonce;
      const unsigned: UnsignedTransaction = { ...callOf(open.intent as ChainIntent, contracts), ...fees, chainId, nonce, gas };
      const transaction = await signed(signer, unsigned, nowMs);
      failpoint('outbox.signed');
      return { kind: 'sign', id, nonce, transaction };
    }, id);
    unwrap(given);
    failpoint('outbox.stored');
  }
}
