import type { EventStore } from '@skein/events';
import { ok, type Rejection, type Result } from '@skein/kernel';
import type { ChainCommand } from '../domain/chain/chain.commands.js';
import { chainDecider, EVENTS_MAX } from '../domain/chain/chain.decider.js';
import { chainStreamId } from '../domain/chain/chain.events.js';
import { isStarted, knownFacts, windowStart, type ChainState } from '../domain/chain/chain.state.js';
import type { BlockRef, ChainFact } from '../domain/facts.js';
import { BlockRange } from './block-range.js';
import { RangeRefused, type ChainSource, type Header, type Heads } from './chain-source.js';
import { HeaderChain } from './header-chain.js';

/** Outcome of one look at the chain. */
export interface Step {
  readonly heads: Heads;
  /** Last block read and last block final, as recorded or found in this step. */
  readonly indexed: BlockRef;
  readonly finalised: BlockRef;
  /** More blocks wait to be read: look again at once. */
  readonly behind: boolean;
  /** Why nothing was recorded: the chain's answers cannot be right. */
  readonly halted?: Rejection;
}

export interface FollowOptions {
  readonly chainId: number;
  /** First block that can hold a log of the contracts. */
  readonly fromBlock: number;
  /** Blocks read again each time, against answers that came too early. */
  readonly overlapBlocks?: number;
  /** Looks in a row that end with the heads, where these are the ones of the last whole look. Default 0: every look is whole. */
  readonly quietLooks?: number;
  readonly range?: BlockRange;
}

const sameHeads = (one: Heads, other: Heads): boolean =>
  one.latest.hash === other.latest.hash && one.safe.hash === other.safe.hash && one.finalised.hash === other.finalised.hash;

/** Follows one chain into its stream, step by step; backfill and live are the same steps. Keeps nothing that the stream lacks. */
export class FollowChain {
  readonly #store: EventStore;
  readonly #source: ChainSource;
  readonly #options: FollowOptions;
  readonly #range: BlockRange;
  readonly #headers: HeaderChain;
  readonly #overlap: number;
  #totalChecked = false;
  #sameChain = false;
  #whole: Step | undefined;
  #quiet = 0;

  constructor(store: EventStore, source: ChainSource, options: FollowOptions) {
    this.#store = store;
    this.#source = source;
    this.#options = options;
    this.#range = options.range ?? new BlockRange();
    this.#headers = new HeaderChain(source);
    this.#overlap = options.overlapBlocks ?? 8;
  }

  get streamId(): string {
    return chainStreamId(this.#options.chainId);
  }

  /** The same object again where the look was a quiet one. */
  async step(): Promise<Step> {
    const started: Result<unknown, Rejection> = this.#sameChain ? ok(undefined) : await this.#start();
    this.#sameChain = started.ok;
    const heads = await this.#source.heads();
    const before = this.#whole;
    this.#whole = undefined;
    if (before !== undefined && this.#quiet > 0 && sameHeads(before.heads, heads)) {
      this.#quiet -= 1;
      return (this.#whole = before);
    }
    const step = await this.#look(started, heads);
    this.#quiet = this.#options.quietLooks ?? 0;
    // What waits or cannot be right is looked at again wholly.
    this.#whole = step.behind || step.halted !== undefined ? undefined : step;
    return step;
  }

  async #look(started: Result<unknown, Rejection>, heads: Heads): Promise<Step> {
    const { state } = await this.#store.state(chainDecider, this.streamId);
    if (!started.ok) return this.#halted(heads, state, started.error);
    const { cursor } = state;
    if (heads.latest.number < cursor.number)
      return this.#halted(heads, state, wentBackwards(cursor.number, heads.latest.number));
    const atCursor = await this.#source.header(cursor.number);
    if (atCursor?.hash !== cursor.hash) return this.#revert(heads, state);
    // Not an error: the safe head may lie behind what another endpoint has called safe.
    if (heads.safe.number < cursor.number) return this.#done(heads, state, cursor, false);
    return this.#read(heads, state);
  }

  /** Begins the stream, or checks that the endpoint still serves the chain it began with. */
  async #start(): Promise<Result<unknown, Rejection>> {
    const { chainId, genesis } = await this.#source.identity();
    const { state } = await this.#store.state(chainDecider, this.streamId);
    const before = Math.max(genesis.number, this.#options.fromBlock - 1);
    const cursor = isStarted(state) ? state.cursor : await this.#source.header(before);
    if (cursor === undefined) return notThere(before);
    return this.#give({ kind: 'start', chainId, genesis, cursor: { number: cursor.number, hash: cursor.hash } });
  }

  async #revert(heads: Heads, state: ChainState): Promise<Step> {
    let ancestor: BlockRef = state.genesis;
    for (const block of state.blocks.toReversed()) {
      if ((await this.#source.header(block.number))?.hash !== block.hash) continue;
      ancestor = { number: block.number, hash: block.hash };
      break;
    }
    const reverted = await this.#give({ kind: 'revert', ancestor });
    return reverted.ok ? this.#done(heads, state, ancestor, true) : this.#halted(heads, state, reverted.error);
  }

  async #read(heads: Heads, state: ChainState): Promise<Step> {
    const { span } = this.#range;
    // At the smallest range nothing is read again, so that one block, however full, can always be passed.
    const overlap = span === 1 ? 0 : Math.min(this.#overlap, span);
    const from = Math.max(windowStart(state), state.cursor.number + 1 - overlap);
    const target = Math.min(heads.safe.number, state.cursor.number + span);
    const answer = await this.#ask(heads, state, from, target);
    if (answer === undefined) return this.#done(heads, state, state.cursor, true);
    const { to, logs } = answer;
    const totalStaked = await this.#totalAt(heads.finalised, to, state, logs);
    const finalised = { number: heads.finalised.number, hash: heads.finalised.hash };
    const behind = to.number < heads.safe.number;
    const advanced = await this.#give({
      kind: 'advance',
      from,
      to,
      logs,
      finalised,
      behind,
      ...(totalStaked === undefined ? {} : { totalStaked }),
    });
    if (!advanced.ok) return this.#halted(heads, state, advanced.error);
    this.#range.grow();
    const final = finalised.number <= to.number ? finalised : to;
    return { heads, indexed: to, finalised: final, behind };
  }

  /** Logs of a range whose blocks have been checked to be one chain; undefined when it has to be asked for again. */
  async #ask(heads: Heads, state: ChainState, from: number, target: number): Promise<{ to: BlockRef; logs: ChainFact[] } | undefined> {
    try {
      const tip = target === heads.safe.number ? heads.safe : await this.#source.header(target);
      if (tip === undefined) return undefined;
      const links = await this.#links(heads, state, tip);
      if (links === undefined) return undefined;
      const logs = await this.#source.facts(from, tip.number);
      await this.#checkAgainst(links, logs);
      return { to: { number: tip.number, hash: tip.hash }, logs };
    } catch (error) {
      if (!(error instanceof RangeRefused) || !this.#range.shrink()) throw error;
      return undefined;
    }
  }

  /** Blocks up to `tip` that may still be undone, as one chain that stands on the cursor or on the final block. */
  async #links(heads: Heads, state: ChainState, tip: Header): Promise<Header[] | undefined> {
    const { finalised } = heads;
    const base = state.cursor.number >= finalised.number ? state.cursor : finalised;
    return base.number >= tip.number ? [] : this.#headers.link(base, tip);
  }

  /** Each fact lies in the block that the chain names, and no block whose bloom filter promises facts came without. */
  async #checkAgainst(links: readonly Header[], logs: readonly ChainFact[]): Promise<void> {
    const hashes = new Map(links.map(({ number, hash }) => [number, hash]));
    const strange = logs.find(({ blockNumber, blockHash }) => (hashes.get(blockNumber) ?? blockHash) !== blockHash);
    if (strange !== undefined) throw new RangeRefused(`block ${strange.blockNumber} changed while it was read`);
    const filled = new Set(logs.map(({ blockNumber }) => blockNumber));
    for (const { number, mayHoldFacts } of links)
      if (mayHoldFacts && !filled.has(number) && (await this.#source.facts(number, number)).length > 0)
        throw new RangeRefused(`the facts of block ${number} are missing from a longer answer`);
  }

  /** Asked for only when facts become final, and once after each start: it is a call on an old state. */
  async #totalAt(finalised: BlockRef, to: BlockRef, state: ChainState, logs: readonly ChainFact[]): Promise<bigint | undefined> {
    if (finalised.number > to.number) return undefined;
    const waiting = [...knownFacts(state).filter((known) => !known.final), ...logs];
    if (this.#totalChecked && !waiting.some(({ blockNumber }) => blockNumber <= finalised.number)) return undefined;
    const total = await this.#source.totalStaked(finalised);
    if (total !== undefined) this.#totalChecked = true;
    return total;
  }

  /** Gives a command until it leads to nothing more: a decision is cut to what one append holds. */
  async #give(command: ChainCommand): Promise<Result<unknown, Rejection>> {
    for (;;) {
      const result = await this.#store.execute({
        decider: chainDecider,
        streamId: this.streamId,
        command: () => command,
        metadata: { correlationId: this.streamId, actor: 'chain-follower' },
      });
      if (!result.ok || result.value.events.length < EVENTS_MAX) return result;
    }
  }

  #done(heads: Heads, state: ChainState, indexed: BlockRef, behind: boolean): Step {
    return { heads, indexed, finalised: state.finalised, behind };
  }

  #halted(heads: Heads, state: ChainState, halted: Rejection): Step {
    this.#sameChain = false;
    return { heads, indexed: state.cursor, finalised: state.finalised, behind: false, halted };
  }
}

const wentBackwards = (cursor: number, latest: number): Rejection => ({
  code: 'failed-precondition',
  rule: 'latest-went-backwards',
  message: `block ${cursor} was read, now the chain ends at ${latest}`,
});

const notThere = (number: number): Result<never, Rejection> => ({
  ok: false,
  error: { code: 'failed-precondition', rule: 'no-such-block', message: `the chain has no block ${number} to begin behind` },
});
