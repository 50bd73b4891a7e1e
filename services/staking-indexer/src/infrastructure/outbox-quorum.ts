import { RejectionError } from '@skein/kernel';
import type { Address, Hex } from 'viem';
import type { Call, ContractEvent, ContractRead, EventsOf, Receipt, Sent, TransactionChain } from '../application/outbox/ports.js';
import type { Fees } from '../domain/outbox/fees.policy.js';
import type { Block, Refusal } from '../domain/outbox/outbox.events.js';

/** One endpoint; the name is without secrets. */
export interface NamedChain {
  readonly name: string;
  readonly chain: TransactionChain;
}

interface Heard<T> {
  readonly name: string;
  readonly value: T;
}

const waits = (rule: string, message: string): RejectionError => new RejectionError({ code: 'unavailable', rule, message, retriable: true });
const keyOf = (value: unknown): string => JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? '';
// What is no `RejectionError` may repeat the URL, and with it a key.
const whyOf = (error: unknown): string => (error instanceof RejectionError ? error.rejection.message : 'it gave no answer');

/**
 * Several endpoints as one for the outbox. What an intent's end is decided by (receipts and state of final blocks) is what `quorum` of
 * them say and nobody who answers contradicts; with fewer it is waited for. What decides nothing comes from the first that answers.
 */
export class QuorumTransactionChain implements TransactionChain {
  readonly #chains: readonly NamedChain[];
  readonly #quorum: number;
  readonly #agreedFinal: () => Promise<Block>;
  #final: Block | undefined;

  constructor(chains: readonly NamedChain[], quorum: number, finalised: () => Promise<Block>) {
    if (quorum < 1 || quorum > chains.length) throw new Error(`${chains.length} endpoints cannot make a quorum of ${quorum}`);
    this.#chains = chains;
    this.#quorum = quorum;
    this.#agreedFinal = finalised;
  }

  async finalised(): Promise<Block> {
    return (this.#final = await this.#agreedFinal());
  }

  async blockHash(number: number): Promise<string | undefined> {
    const heard = await this.#hear(`block ${number}`, ({ chain }) => chain.blockHash(number));
    return this.#agreed(`block ${number}`, heard.filter(({ value }) => value !== undefined), heard.length);
  }

  /** A final one as enough endpoints have it; one that is not final yet may be a single endpoint's word: it decides nothing. */
  async receipt(hash: Hex): Promise<Receipt | undefined> {
    const what = `the receipt of ${hash}`;
    const heard = await this.#hear(what, ({ chain }) => chain.receipt(hash));
    const found = heard.filter(({ value }) => value !== undefined);
    const isFinal = ({ value }: Heard<Receipt | undefined>): boolean => value!.block.number <= (this.#final?.number ?? -1);
    const final = found.filter(isFinal);
    if (final.length >= this.#quorum || final.length === found.length) return this.#agreed(what, final, heard.length);
    return found.find((one) => !isFinal(one))!.value;
  }

  async nonceAt(account: Address, block: number | 'latest'): Promise<number> {
    const what = `the nonce of ${account} at block ${block}`;
    const ask = ({ chain }: NamedChain): Promise<number> => chain.nonceAt(account, block);
    return block === 'latest' ? Math.max(...(await this.#hear(what, ask)).map(({ value }) => value)) : this.#all(what, ask);
  }

  /** To all of them: whoever makes the next block may be behind any. */
  async send(raw: Hex): Promise<Sent> {
    const sent = await Promise.allSettled(this.#chains.map(({ chain }) => chain.send(raw)));
    const answers = sent.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const [first] = sent;
    if (answers.length === 0 && first?.status === 'rejected') throw first.reason;
    return answers.includes('taken') ? 'taken' : 'underpriced';
  }

  fees(): Promise<Fees> {
    return this.#first(({ chain }) => chain.fees());
  }

  dryRun(from: Address, call: Call): Promise<{ readonly gas: bigint } | { readonly refusal: Refusal }> {
    return this.#first(({ chain }) => chain.dryRun(from, call));
  }

  read(read: ContractRead, block: number | 'latest'): Promise<unknown> {
    return this.#at(block, `${read.functionName} of ${read.address}`, ({ chain }) => chain.read(read, block));
  }

  newestEvent(of: EventsOf, block: number | 'latest'): Promise<ContractEvent | undefined> {
    return this.#at(block, `the newest ${of.eventName} of ${of.address}`, ({ chain }) => chain.newestEvent(of, block));
  }

  eventsIn(of: EventsOf, block: number): Promise<ContractEvent[]> {
    return this.#at(block, `${of.eventName} of ${of.address}`, ({ chain }) => chain.eventsIn(of, block));
  }

  callOf(transaction: Hex): Promise<{ readonly to: string; readonly data: string }> {
    return this.#all(`the call of ${transaction}`, ({ chain }) => chain.callOf(transaction));
  }

  /** What a block holds is what enough of them say, what is latest is what the first says. */
  #at<T>(block: number | 'latest', what: string, ask: (of: NamedChain) => Promise<T>): Promise<T> {
    return block === 'latest' ? this.#first(ask) : this.#all(`${what} at block ${block}`, ask);
  }

  async #all<T>(what: string, ask: (of: NamedChain) => Promise<T>): Promise<T> {
    const heard = await this.#hear(what, ask);
    return this.#agreed(what, heard, heard.length)!;
  }

  /** Who answers; throws where too few do. */
  async #hear<T>(what: string, ask: (of: NamedChain) => Promise<T>): Promise<Heard<T>[]> {
    const missing: string[] = [];
    const asked = this.#chains.map(async (of): Promise<Heard<T>[]> => {
      try {
        return [{ name: of.name, value: await ask(of) }];
      } catch (error) {
        missing.push(`${of.name}: ${whyOf(error)}`);
        return [];
      }
    });
    const heard = (await Promise.all(asked)).flat();
    if (heard.length >= this.#quorum) return heard;
    throw waits('too-few-endpoints', `${what}: ${heard.length} of ${this.#quorum} endpoints answer: ${missing.join('; ')}`);
  }

  /** What all of these say, where they are enough; undefined where nobody says anything. */
  #agreed<T>(what: string, told: readonly Heard<T>[], heard: number): T | undefined {
    const [first] = told;
    if (first === undefined) return undefined;
    const other = told.find(({ value }) => keyOf(value) !== keyOf(first.value));
    if (other !== undefined) throw waits('providers-disagree', `${what}: ${first.name} says ${keyOf(first.value).slice(0, 200)}, ${other.name} says ${keyOf(other.value).slice(0, 200)}`);
    if (told.length < this.#quorum) throw waits('too-few-endpoints', `${what}: ${told.length} of ${heard} endpoints have it, ${this.#quorum} have to`);
    return first.value;
  }

  /** The first that answers; throws what the last one said. */
  async #first<T>(ask: (of: NamedChain) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const of of this.#chains) {
      try {
        return await ask(of);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}
